cwlVersion: v1.2
class: Workflow
inputs:
  messages: string[]
outputs: []
steps:
  say:
    run: parts/echo.cwl
    scatter: message
    in: {message: messages}
    out: [out]
