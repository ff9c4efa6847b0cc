cwlVersion: v1.2
class: Workflow
label: Retries and limits
doc: |
  `ToolTimeLimit` ends a tool that hangs: it fails after that many seconds.
  `ResourceRequirement` says what an execution needs; a cluster or a pool reserves as much.
  `chronos:Execution` asks for retries after a failure and for the seconds to wait between them. It is a hint: other
  runners warn that they do not know it and go on. Look at the task's details: retries, delay and pool slots.
$namespaces:
  chronos: https://chronos-airflow.org/cwl#
inputs:
  seconds:
    type: double
    label: Seconds
    doc: How long the tool works. More than 20 runs into the time limit.
    default: 0.2
steps:
  work:
    label: Work
    doc: Waits and then says what it was given.
    in:
      seconds: seconds
    out: [report]
    hints:
      - class: chronos:Execution
        retries: 2
        retry_delay: 30
    run:
      class: CommandLineTool
      requirements:
        ShellCommandRequirement: {}
        ToolTimeLimit:
          timelimit: 20
        ResourceRequirement:
          coresMin: 1
          coresMax: 2
          ramMin: 64
          ramMax: 256
          tmpdirMin: 16
          outdirMin: 1
      inputs:
        seconds: double
      arguments:
        - sleep
        - $(inputs.seconds)
        - {valueFrom: "&&", shellQuote: false}
        - echo
        - cores=$(runtime.cores)
        - ram=$(runtime.ram)
      outputs:
        report: stdout
      stdout: report.txt
outputs:
  report:
    label: Report
    doc: Cores and memory (MiB) that the execution was given.
    type: File
    outputSource: work/report
