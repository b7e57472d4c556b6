"""Everything a deployment needs before it: network, Milvus, bucket, logs, queues, roles, dashboard and alarms.

`names` says what ``s.yaml`` calls them, `resources` and `observation` declare them, and `template` puts them into one
template of Resource Orchestration Service (ROS). `applying` creates and deletes them through `stacks`, and `env_file`
keeps what was created. `terraform` renders the same template as a Terraform module. Start reading at `template`.
"""
