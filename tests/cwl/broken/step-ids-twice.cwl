cwlVersion: v1.2
class: Workflow
inputs:
  message: string
outputs: []
steps:
  - id: say
    run: parts/echo.cwl
    in: {message: message}
    out: [out]
  - id: say
    run: parts/echo.cwl
    in: {message: message}
    out: [out]
