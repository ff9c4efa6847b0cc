"""Apache Mesos: a framework client of the v1 HTTP scheduler API, and the process that holds the framework.

From the wire upwards: ``recordio`` (framing), ``messages`` (events), ``calls`` (what is sent), ``client``
(connections, leader, time-outs), ``offers`` (matching), ``scheduler`` (the framework's state machine,
without input or output), ``queue`` (tasks, kept durably), ``process`` (what joins them), ``sandbox`` (files
of tasks), ``hook`` and ``target`` (Airflow, CHRONOS). ``double`` is a Mesos to test against.
"""
