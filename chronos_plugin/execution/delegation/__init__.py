"""Whole workflows and subworkflows, given to ``toil-cwl-runner`` as one piece."""
