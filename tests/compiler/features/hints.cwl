cwlVersion: v1.2
class: Workflow
id: named
label: A workflow with wishes
$namespaces: {chronos: "https://chronos-airflow.org/cwl#"}
hints:
  chronos:DAG: {enabled: false}
  chronos:Execution: {retries: 1, retry_delay: 30, owner: swot, tags: [land, water], queue: long}
inputs: {}
outputs: []
steps:
  inherits:
    run: echo.cwl
    in: {}
    out: [said]
  own:
    run: echo.cwl
    in: {}
    out: [said]
    hints:
      chronos:Execution: {retries: 5, pool: disk, priority: 7, batch: 4}
