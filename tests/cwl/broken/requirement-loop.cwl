cwlVersion: v1.2
class: Workflow
$namespaces: {cwltool: "http://commonwl.org/cwltool#"}
inputs: {message: string}
outputs: {}
steps:
  say:
    run: parts/echo.cwl
    in: {message: message}
    out: [out]
    requirements:
      cwltool:Loop:
        loopWhen: $(inputs.message)
        loop: {message: out}
        outputMethod: last
