cwlVersion: v1.2
class: Workflow
label: Files
doc: |
  Files travel with what belongs to them, and tools see a folder that the workflow arranged.
  `prepare` makes an image and its header; `secondaryFiles` keeps the two together from step to step.
  `package` gets a folder made by `InitialWorkDirRequirement`: a copy of the image that it may change, and a file that
  is written from the inputs. Look at the output `product`: a Directory with all of them.
requirements:
  StepInputExpressionRequirement: {}
inputs:
  columns:
    type: int
    label: Columns
    doc: Width of the image.
    default: 8
  title:
    type: string
    label: Title
    doc: Title in the description of the product.
    default: A small image
steps:
  prepare:
    label: Prepare
    doc: Writes an image with a header beside it.
    in:
      columns: columns
    out: [image]
    run:
      class: CommandLineTool
      requirements:
        InitialWorkDirRequirement:
          listing:
            - entryname: prepare.sh
              entry: |
                head -c "$1" /dev/zero > image.bil
                printf 'NROWS 1\nNCOLS %s\nNBITS 8\n' "$1" > image.hdr
      baseCommand: [sh, prepare.sh]
      inputs:
        columns:
          type: int
          inputBinding: {position: 1}
      outputs:
        image:
          type: File
          # The caret takes the extension off before .hdr is put on: image.hdr, not image.bil.hdr.
          secondaryFiles: [^.hdr]
          outputBinding: {glob: image.bil}
  package:
    label: Package
    doc: Changes its own copy of the image inside of a folder.
    in:
      image: prepare/image
      title: title
    out: [product]
    run:
      class: CommandLineTool
      requirements:
        InitialWorkDirRequirement:
          listing:
            - entryname: product/$(inputs.image.basename)
              entry: $(inputs.image)
              writable: true
            - entryname: product/description.txt
              entry: |
                title: $(inputs.title)
                image: $(inputs.image.basename)
                header: $(inputs.image.secondaryFiles[0].basename)
      # The header came along into the folder, because it is a secondary file of the image.
      baseCommand: [sh, -c, 'printf end >> "product/$1"', package]
      arguments: [$(inputs.image.basename)]
      inputs:
        image:
          type: File
          secondaryFiles: [^.hdr]
        title: string
      outputs:
        product:
          type: Directory
          outputBinding: {glob: product}
outputs:
  image:
    label: Image
    doc: The image with its header.
    type: File
    secondaryFiles: [^.hdr]
    outputSource: prepare/image
  product:
    label: Product
    doc: Folder with the changed image, its header and the description.
    type: Directory
    outputSource: package/product
