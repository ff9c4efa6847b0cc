cwlVersion: v1.2
class: Workflow
label: Measure a word
doc: Counts the letters of a word and says so. Used by subworkflow.cwl.
requirements:
  InlineJavascriptRequirement: {}
  StepInputExpressionRequirement: {}
  SubworkflowFeatureRequirement: {}
inputs:
  word:
    type: string
    label: Word
    doc: Word to measure.
steps:
  letters:
    label: Letters
    doc: A workflow inside of the workflow.
    run: count_letters.cwl
    in:
      word: word
    out: [letters]
  say:
    label: Say
    doc: Makes a sentence.
    run: print.cwl
    in:
      word: word
      letters: letters/letters
      text:
        valueFrom: $(inputs.word + " has " + inputs.letters + " letters")
    out: [printed]
outputs:
  sentence:
    type: string
    label: Sentence
    doc: The word and its number of letters.
    outputSource: say/printed
