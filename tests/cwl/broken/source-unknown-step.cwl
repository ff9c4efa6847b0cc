cwlVersion: v1.2
class: Workflow
inputs:
  message: string
outputs: []
steps:
  say:
    run: parts/echo.cwl
    in: {message: message}
    out: [out]
  count:
    run:
      class: CommandLineTool
      baseCommand: wc
      inputs: {text: File}
      outputs: []
    in:
      text:
        source: sya/out
    out: []
