"""What is watched: charts and alarms over the logs of the functions, defined once.

`charts` defines them. `queries` renders each as a query of Simple Log Service, which ``make infra`` puts on a
dashboard; `measuring` computes the same from the log files of the local stack, and `page` draws them.
Start reading at `charts`.
"""
