cwlVersion: v1.2
class: CommandLineTool
baseCommand: [sh, script.sh]
requirements:
  InitialWorkDirRequirement:
    listing:
      - entryname: script.sh
        entry: |
          echo working
          echo "${HOME}"
inputs: {}
outputs: {}
