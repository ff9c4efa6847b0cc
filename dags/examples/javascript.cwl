cwlVersion: v1.2
class: Workflow
label: JavaScript
doc: |
  Small computations need no program. `orbit` is an ExpressionTool: all of it is an expression.
  The input `text` of `say` is made by `valueFrom` out of the other inputs of the step, `expressionLib` holds a
  function that both steps share, and `${ … }` is a function body where `$( … )` is one expression.
  CWL means ECMAScript 5.1: no arrow functions, no `let`, no template strings.
requirements:
  StepInputExpressionRequirement: {}
  InlineJavascriptRequirement:
    expressionLib:
      - |
        function rounded(value, digits) {
          var factor = Math.pow(10, digits);
          return Math.round(value * factor) / factor;
        }
inputs:
  altitude_km:
    type: double
    label: Altitude
    doc: Altitude of a circular orbit, km.
    default: 890.6
steps:
  orbit:
    label: Compute the orbit
    doc: Period by Kepler's third law.
    in:
      altitude_km: altitude_km
    out: [minutes, revolutions]
    run:
      class: ExpressionTool
      inputs:
        altitude_km: double
      expression: |
        ${
          if (inputs.altitude_km < 100) {
            throw new Error("an orbit at " + inputs.altitude_km + " km would end in the atmosphere");
          }
          var seconds = 2 * Math.PI * Math.sqrt(Math.pow(6378.137 + inputs.altitude_km, 3) / 398600.4418);
          return {minutes: rounded(seconds / 60, 2), revolutions: rounded(86400 / seconds, 3)};
        }
      outputs:
        minutes: double
        revolutions: double
  say:
    label: Report
    doc: Prints what was computed.
    run: tools/print.cwl
    in:
      minutes: orbit/minutes
      revolutions: orbit/revolutions
      text:
        valueFrom: $(inputs.minutes + " minutes, " + rounded(inputs.revolutions, 1) + " revolutions a day")
    out: [printed]
outputs:
  minutes:
    label: Period
    doc: Time of one revolution, minutes.
    type: double
    outputSource: orbit/minutes
  report:
    label: Report
    doc: Both figures as a text.
    type: string
    outputSource: say/printed
