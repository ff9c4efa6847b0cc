cwlVersion: v1.2
class: Workflow
label: Count letters
doc: Writes a word to a file and counts its letters. Used by measure.cwl.
inputs:
  word:
    type: string
    label: Word
    doc: Word to count.
steps:
  write:
    label: Write
    doc: Writes the word without a line end.
    in:
      word: word
    out: [file]
    run:
      class: CommandLineTool
      baseCommand: [printf, "%s"]
      inputs:
        word:
          type: string
          inputBinding: {position: 1}
      outputs:
        file: stdout
      stdout: word.txt
  count:
    label: Count
    doc: Counts the characters of the file.
    in:
      file: write/file
    out: [letters]
    run:
      class: CommandLineTool
      requirements:
        InlineJavascriptRequirement: {}
      baseCommand: [wc, -c]
      inputs:
        file: File
      stdin: $(inputs.file.path)
      stdout: letters.txt
      outputs:
        letters:
          type: int
          outputBinding:
            glob: letters.txt
            loadContents: true
            outputEval: $(parseInt(self[0].contents, 10))
outputs:
  letters:
    type: int
    label: Letters
    doc: Number of letters.
    outputSource: count/letters
