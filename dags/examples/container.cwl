cwlVersion: v1.2
class: Workflow
label: Container
doc: |
  The tool names the image that it was tested in. `DockerRequirement` stands under `hints`, so the tool also runs where
  there is no container engine (`cwltool --no-container`); under `requirements` it would then be refused.
  The same line serves Docker, Podman and Singularity.
  Look at `system`: it names the system of the image, or of the worker when there was no container.
inputs:
  file:
    type: string
    label: File
    doc: File inside of the image that is read.
    default: /etc/os-release
steps:
  identify:
    label: Identify the system
    doc: Prints the first lines of a file inside of the container.
    in:
      file: file
    out: [system]
    run:
      class: CommandLineTool
      hints:
        DockerRequirement:
          dockerPull: debian:stable-slim
      baseCommand: [head, -n, "2"]
      inputs:
        file:
          type: string
          inputBinding: {position: 1}
      outputs:
        system: stdout
      stdout: system.txt
outputs:
  system:
    label: System
    doc: First lines of the file.
    type: File
    outputSource: identify/system
