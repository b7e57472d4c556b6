# Generated from s.yaml by `python -m ops infra --terraform FOLDER`. Do not edit.

resource "alicloud_vpc" "vpc" {
  vpc_name   = var.prefix
  cidr_block = "10.42.0.0/16"
}

resource "alicloud_vswitch" "vswitch" {
  vswitch_name = var.prefix
  vpc_id       = alicloud_vpc.vpc.id
  zone_id      = var.zone
  cidr_block   = "10.42.0.0/20"
}

resource "alicloud_security_group" "security_group" {
  security_group_name = var.prefix
  vpc_id              = alicloud_vpc.vpc.id
  security_group_type = "normal"
}

resource "alicloud_milvus_instance" "milvus" {
  instance_name     = var.prefix
  db_version        = "2.6"
  db_admin_password = var.milvus_password
  payment_type      = "PayAsYouGo"
  zone_id           = var.zone
  vpc_id            = alicloud_vpc.vpc.id
  ha                = false

  components {
    type    = "standalone"
    cu_type = "general"
    cu_num  = 4
    replica = 1
  }

  vswitch_ids {
    vsw_id  = alicloud_vswitch.vswitch.id
    zone_id = var.zone
  }
}

resource "alicloud_oss_bucket" "bucket" {
  bucket        = var.bucket_name
  storage_class = "Standard"

  lifecycle {
    prevent_destroy = true
  }
}

resource "alicloud_oss_bucket_public_access_block" "bucket" {
  bucket              = alicloud_oss_bucket.bucket.bucket
  block_public_access = true
}

resource "alicloud_log_project" "log_project" {
  project_name = var.log_project_name
}

resource "alicloud_log_store" "log_store" {
  project_name          = var.log_project_name
  logstore_name         = var.log_store_name
  retention_period      = 30
  shard_count           = 1
  auto_split            = true
  max_split_shard_count = 8
  depends_on            = [alicloud_log_project.log_project]
}

resource "alicloud_log_store_index" "log_index" {
  project    = var.log_project_name
  logstore   = var.log_store_name
  depends_on = [alicloud_log_store.log_store]

  full_text {
  }

  field_search {
    name             = "functionName"
    type             = "text"
    enable_analytics = true
  }

  field_search {
    name             = "message"
    type             = "json"
    enable_analytics = true

    json_keys {
      name      = "code"
      type      = "text"
      doc_value = true
    }

    json_keys {
      name      = "cost_cny"
      type      = "double"
      doc_value = true
    }

    json_keys {
      name      = "event"
      type      = "text"
      doc_value = true
    }

    json_keys {
      name      = "event_age_seconds"
      type      = "double"
      doc_value = true
    }

    json_keys {
      name      = "function"
      type      = "text"
      doc_value = true
    }

    json_keys {
      name      = "milliseconds"
      type      = "double"
      doc_value = true
    }

    json_keys {
      name      = "path"
      type      = "text"
      doc_value = true
    }

    json_keys {
      name      = "status"
      type      = "long"
      doc_value = true
    }

    json_keys {
      name      = "tokens"
      type      = "double"
      doc_value = true
    }
  }
}

resource "alicloud_message_service_queue" "failure_queue" {
  queue_name               = var.failure_queue_name
  message_retention_period = 604800
}

resource "alicloud_ram_role" "embed_role" {
  role_name = "${var.prefix}-embed"

  assume_role_policy_document = jsonencode({
    Version = "1"
    Statement = [
      {
        Effect = "Allow"
        Action = "sts:AssumeRole"
        Principal = {
          Service = ["fc.aliyuncs.com"]
        }
      },
    ]
  })
}

resource "alicloud_ram_policy" "embed_role" {
  policy_name = "${var.prefix}-embed"

  policy_document = jsonencode({
    Version = "1"
    Statement = [
      {
        Effect = "Allow"
        Action = ["log:PostLogStoreLogs"]
        Resource = [
          "acs:log:${var.region}:${var.account}:project/${var.log_project_name}/logstore/${var.log_store_name}",
        ]
      },
      {
        Effect = "Allow"
        Action = [
          "vpc:DescribeVSwitchAttributes",
          "vpc:DescribeVpcAttribute",
          "ecs:CreateNetworkInterface",
          "ecs:DeleteNetworkInterface",
          "ecs:DescribeNetworkInterfaces",
          "ecs:CreateNetworkInterfacePermission",
          "ecs:DeleteNetworkInterfacePermission",
          "ecs:DescribeNetworkInterfacePermissions",
        ]
        Resource = ["*"]
      },
      {
        Effect   = "Allow"
        Action   = ["mns:SendMessage"]
        Resource = ["acs:mns:${var.region}:${var.account}:/queues/${var.failure_queue_name}/messages"]
      },
    ]
  })
}

resource "alicloud_ram_role_policy_attachment" "embed_role" {
  role_name   = alicloud_ram_role.embed_role.role_name
  policy_name = alicloud_ram_policy.embed_role.policy_name
  policy_type = "Custom"
}

resource "alicloud_ram_role" "ingest_role" {
  role_name = "${var.prefix}-ingest"

  assume_role_policy_document = jsonencode({
    Version = "1"
    Statement = [
      {
        Effect = "Allow"
        Action = "sts:AssumeRole"
        Principal = {
          Service = ["fc.aliyuncs.com"]
        }
      },
    ]
  })
}

resource "alicloud_ram_policy" "ingest_role" {
  policy_name = "${var.prefix}-ingest"

  policy_document = jsonencode({
    Version = "1"
    Statement = [
      {
        Effect = "Allow"
        Action = ["log:PostLogStoreLogs"]
        Resource = [
          "acs:log:${var.region}:${var.account}:project/${var.log_project_name}/logstore/${var.log_store_name}",
        ]
      },
      {
        Effect = "Allow"
        Action = [
          "vpc:DescribeVSwitchAttributes",
          "vpc:DescribeVpcAttribute",
          "ecs:CreateNetworkInterface",
          "ecs:DeleteNetworkInterface",
          "ecs:DescribeNetworkInterfaces",
          "ecs:CreateNetworkInterfacePermission",
          "ecs:DeleteNetworkInterfacePermission",
          "ecs:DescribeNetworkInterfacePermissions",
        ]
        Resource = ["*"]
      },
      {
        Effect   = "Allow"
        Action   = ["mns:SendMessage"]
        Resource = ["acs:mns:${var.region}:${var.account}:/queues/${var.failure_queue_name}/messages"]
      },
      {
        Effect   = "Allow"
        Action   = ["oss:GetObject"]
        Resource = ["acs:oss:*:${var.account}:${var.bucket_name}/*"]
      },
      {
        Effect   = "Allow"
        Action   = ["oss:ListObjects"]
        Resource = ["acs:oss:*:${var.account}:${var.bucket_name}"]
      },
    ]
  })
}

resource "alicloud_ram_role_policy_attachment" "ingest_role" {
  role_name   = alicloud_ram_role.ingest_role.role_name
  policy_name = alicloud_ram_policy.ingest_role.policy_name
  policy_type = "Custom"
}

resource "alicloud_ram_role" "search_role" {
  role_name = "${var.prefix}-search"

  assume_role_policy_document = jsonencode({
    Version = "1"
    Statement = [
      {
        Effect = "Allow"
        Action = "sts:AssumeRole"
        Principal = {
          Service = ["fc.aliyuncs.com"]
        }
      },
    ]
  })
}

resource "alicloud_ram_policy" "search_role" {
  policy_name = "${var.prefix}-search"

  policy_document = jsonencode({
    Version = "1"
    Statement = [
      {
        Effect = "Allow"
        Action = ["log:PostLogStoreLogs"]
        Resource = [
          "acs:log:${var.region}:${var.account}:project/${var.log_project_name}/logstore/${var.log_store_name}",
        ]
      },
      {
        Effect = "Allow"
        Action = [
          "vpc:DescribeVSwitchAttributes",
          "vpc:DescribeVpcAttribute",
          "ecs:CreateNetworkInterface",
          "ecs:DeleteNetworkInterface",
          "ecs:DescribeNetworkInterfaces",
          "ecs:CreateNetworkInterfacePermission",
          "ecs:DeleteNetworkInterfacePermission",
          "ecs:DescribeNetworkInterfacePermissions",
        ]
        Resource = ["*"]
      },
    ]
  })
}

resource "alicloud_ram_role_policy_attachment" "search_role" {
  role_name   = alicloud_ram_role.search_role.role_name
  policy_name = alicloud_ram_policy.search_role.policy_name
  policy_type = "Custom"
}

resource "alicloud_ram_role" "trigger_role" {
  role_name = "${var.prefix}-trigger"

  assume_role_policy_document = jsonencode({
    Version = "1"
    Statement = [
      {
        Effect = "Allow"
        Action = "sts:AssumeRole"
        Principal = {
          Service = ["oss.aliyuncs.com"]
        }
      },
    ]
  })
}

resource "alicloud_ram_policy" "trigger_role" {
  policy_name = "${var.prefix}-trigger"

  policy_document = jsonencode({
    Version = "1"
    Statement = [
      {
        Effect = "Allow"
        Action = ["fc:InvokeFunction"]
        Resource = [
          "acs:fc:${var.region}:${var.account}:functions/${var.prefix}-ingest",
          "acs:fc:${var.region}:${var.account}:functions/${var.prefix}-ingest/*",
        ]
      },
    ]
  })
}

resource "alicloud_ram_role_policy_attachment" "trigger_role" {
  role_name   = alicloud_ram_role.trigger_role.role_name
  policy_name = alicloud_ram_policy.trigger_role.policy_name
  policy_type = "Custom"
}

resource "alicloud_log_dashboard" "dashboard" {
  project_name   = var.log_project_name
  dashboard_name = "${var.prefix}-dashboard"
  display_name   = var.prefix
  depends_on     = [alicloud_log_store_index.log_index]

  attribute = jsonencode({
    type = "grid"
  })

  char_list = jsonencode([
    {
      title = "requests"
      type  = "line"
      search = {
        logstore = var.log_store_name
        topic    = ""
        query    = "message.event: request | SELECT date_trunc('hour', __time__) AS \"time\", count_if(\"message.function\" = 'embed') AS \"embed\", count_if(\"message.function\" = 'ingest') AS \"ingest\", count_if(\"message.function\" = 'search') AS \"search\" FROM log GROUP BY \"time\" ORDER BY \"time\" LIMIT 10000"
        start    = "-604800s"
        end      = "now"
      }
      display = {
        xAxis       = ["time"]
        yAxis       = ["embed", "ingest", "search"]
        xPos        = 0
        yPos        = 0
        width       = 10
        height      = 8
        displayName = "Requests"
      }
      action = {}
    },
    {
      title = "errors"
      type  = "line"
      search = {
        logstore = var.log_store_name
        topic    = ""
        query    = "message.event: request | SELECT date_trunc('hour', __time__) AS \"time\", count_if(\"message.status\" >= 400) AS \"refused (400 and above)\", count_if(\"message.status\" >= 500) AS \"failed (500 and above)\" FROM log GROUP BY \"time\" ORDER BY \"time\" LIMIT 10000"
        start    = "-604800s"
        end      = "now"
      }
      display = {
        xAxis       = ["time"]
        yAxis       = ["refused (400 and above)", "failed (500 and above)"]
        xPos        = 10
        yPos        = 0
        width       = 10
        height      = 8
        displayName = "Errors"
      }
      action = {}
    },
    {
      title = "latency"
      type  = "line"
      search = {
        logstore = var.log_store_name
        topic    = ""
        query    = "message.event: request | SELECT date_trunc('hour', __time__) AS \"time\", approx_percentile(\"message.milliseconds\", 0.5) AS \"p50\", approx_percentile(\"message.milliseconds\", 0.95) AS \"p95\", approx_percentile(\"message.milliseconds\", 0.99) AS \"p99\" FROM log WHERE \"message.path\" <> '/invoke' GROUP BY \"time\" ORDER BY \"time\" LIMIT 10000"
        start    = "-604800s"
        end      = "now"
      }
      display = {
        xAxis       = ["time"]
        yAxis       = ["p50", "p95", "p99"]
        xPos        = 0
        yPos        = 8
        width       = 10
        height      = 8
        displayName = "Latency of requests (ms)"
      }
      action = {}
    },
    {
      title = "cost"
      type  = "line"
      search = {
        logstore = var.log_store_name
        topic    = ""
        query    = "message.event: request | SELECT date_trunc('day', __time__) AS \"day\", sum(if(\"message.function\" = 'embed', \"message.cost_cny\")) AS \"embed\", sum(if(\"message.function\" = 'ingest', \"message.cost_cny\")) AS \"ingest\", sum(if(\"message.function\" = 'search', \"message.cost_cny\")) AS \"search\" FROM log GROUP BY \"day\" ORDER BY \"day\" LIMIT 10000"
        start    = "-604800s"
        end      = "now"
      }
      display = {
        xAxis       = ["day"]
        yAxis       = ["embed", "ingest", "search"]
        xPos        = 10
        yPos        = 8
        width       = 10
        height      = 8
        displayName = "Cost of models a day (CNY)"
      }
      action = {}
    },
    {
      title = "queue"
      type  = "line"
      search = {
        logstore = var.log_store_name
        topic    = ""
        query    = "message.event: request | SELECT date_trunc('hour', __time__) AS \"time\", max(\"message.event_age_seconds\") AS \"oldest\", approx_percentile(\"message.event_age_seconds\", 0.5) AS \"typical\" FROM log WHERE \"message.path\" = '/invoke' GROUP BY \"time\" ORDER BY \"time\" LIMIT 10000"
        start    = "-604800s"
        end      = "now"
      }
      display = {
        xAxis       = ["time"]
        yAxis       = ["oldest", "typical"]
        xPos        = 0
        yPos        = 16
        width       = 10
        height      = 8
        displayName = "Age of events when they are handled (s)"
      }
      action = {}
    },
    {
      title = "failures"
      type  = "column"
      search = {
        logstore = var.log_store_name
        topic    = ""
        query    = "message.event: request_failed or message.event: event_failed or message.event: document_failed or message.event: batch_failed or message.event: repair_failed | SELECT \"message.code\" AS \"code\", count(*) AS \"failures\" FROM log GROUP BY \"code\" ORDER BY \"failures\" DESC LIMIT 10000"
        start    = "-604800s"
        end      = "now"
      }
      display = {
        xAxis       = ["code"]
        yAxis       = ["failures"]
        xPos        = 10
        yPos        = 16
        width       = 10
        height      = 8
        displayName = "Failures by code"
      }
      action = {}
    },
  ])
}

resource "alicloud_sls_alert" "errors_alert" {
  project_name = var.log_project_name
  alert_name   = "${var.prefix}-errors"
  display_name = "Requests fail"
  description  = "Look up the code in docs/errors.md."
  depends_on   = [alicloud_log_dashboard.dashboard]

  schedule {
    type     = "FixedRate"
    interval = "5m"
  }

  configuration {
    version       = "2.0"
    type          = "default"
    dashboard     = "${var.prefix}-dashboard"
    no_data_fire  = false
    send_resolved = true
    threshold     = 1

    query_list {
      query          = "message.event: request | SELECT count_if(\"message.status\" >= 500) AS value FROM log"
      store_type     = "log"
      project        = var.log_project_name
      store          = var.log_store_name
      region         = var.region
      time_span_type = "Relative"
      start          = "-15m"
      end            = "now"
    }

    group_configuration {
      type = "no_group"
    }

    severity_configurations {
      severity = 8

      eval_condition {
        condition       = "value >= 5"
        count_condition = ""
      }
    }

    annotations {
      key   = "title"
      value = "Requests fail"
    }

    annotations {
      key   = "desc"
      value = "Look up the code in docs/errors.md."
    }
  }
}

resource "alicloud_sls_alert" "latency_alert" {
  project_name = var.log_project_name
  alert_name   = "${var.prefix}-latency"
  display_name = "Requests are slow"
  description  = "Compare dashscope_ms and milvus_ms in the lines of the slow requests."
  depends_on   = [alicloud_log_dashboard.dashboard]

  schedule {
    type     = "FixedRate"
    interval = "5m"
  }

  configuration {
    version       = "2.0"
    type          = "default"
    dashboard     = "${var.prefix}-dashboard"
    no_data_fire  = false
    send_resolved = true
    threshold     = 1

    query_list {
      query          = "message.event: request | SELECT approx_percentile(\"message.milliseconds\", 0.95) AS value FROM log WHERE \"message.path\" <> '/invoke'"
      store_type     = "log"
      project        = var.log_project_name
      store          = var.log_store_name
      region         = var.region
      time_span_type = "Relative"
      start          = "-15m"
      end            = "now"
    }

    group_configuration {
      type = "no_group"
    }

    severity_configurations {
      severity = 8

      eval_condition {
        condition       = "value >= 5000"
        count_condition = ""
      }
    }

    annotations {
      key   = "title"
      value = "Requests are slow"
    }

    annotations {
      key   = "desc"
      value = "Compare dashscope_ms and milvus_ms in the lines of the slow requests."
    }
  }
}

resource "alicloud_sls_alert" "cost_alert" {
  project_name = var.log_project_name
  alert_name   = "${var.prefix}-cost"
  display_name = "Models cost more than usual"
  description  = "Set MAX_COST_CNY, and see which function spends it."
  depends_on   = [alicloud_log_dashboard.dashboard]

  schedule {
    type     = "FixedRate"
    interval = "1h"
  }

  configuration {
    version       = "2.0"
    type          = "default"
    dashboard     = "${var.prefix}-dashboard"
    no_data_fire  = false
    send_resolved = true
    threshold     = 1

    query_list {
      query          = "message.event: request | SELECT sum(\"message.cost_cny\") AS value FROM log"
      store_type     = "log"
      project        = var.log_project_name
      store          = var.log_store_name
      region         = var.region
      time_span_type = "Relative"
      start          = "-1440m"
      end            = "now"
    }

    group_configuration {
      type = "no_group"
    }

    severity_configurations {
      severity = 8

      eval_condition {
        condition       = "value >= 20"
        count_condition = ""
      }
    }

    annotations {
      key   = "title"
      value = "Models cost more than usual"
    }

    annotations {
      key   = "desc"
      value = "Set MAX_COST_CNY, and see which function spends it."
    }
  }
}

resource "alicloud_sls_alert" "queue_alert" {
  project_name = var.log_project_name
  alert_name   = "${var.prefix}-queue"
  display_name = "Events wait too long"
  description  = "Raise the quota or reservedConcurrency of ingest."
  depends_on   = [alicloud_log_dashboard.dashboard]

  schedule {
    type     = "FixedRate"
    interval = "5m"
  }

  configuration {
    version       = "2.0"
    type          = "default"
    dashboard     = "${var.prefix}-dashboard"
    no_data_fire  = false
    send_resolved = true
    threshold     = 1

    query_list {
      query          = "message.event: request | SELECT max(\"message.event_age_seconds\") AS value FROM log WHERE \"message.path\" = '/invoke'"
      store_type     = "log"
      project        = var.log_project_name
      store          = var.log_store_name
      region         = var.region
      time_span_type = "Relative"
      start          = "-15m"
      end            = "now"
    }

    group_configuration {
      type = "no_group"
    }

    severity_configurations {
      severity = 8

      eval_condition {
        condition       = "value >= 1800"
        count_condition = ""
      }
    }

    annotations {
      key   = "title"
      value = "Events wait too long"
    }

    annotations {
      key   = "desc"
      value = "Raise the quota or reservedConcurrency of ingest."
    }
  }
}

resource "alicloud_sls_alert" "internal_errors_alert" {
  project_name = var.log_project_name
  alert_name   = "${var.prefix}-internal-errors"
  display_name = "Internal errors"
  description  = "Report the trace in the line of the log."
  depends_on   = [alicloud_log_dashboard.dashboard]

  schedule {
    type     = "FixedRate"
    interval = "5m"
  }

  configuration {
    version       = "2.0"
    type          = "default"
    dashboard     = "${var.prefix}-dashboard"
    no_data_fire  = false
    send_resolved = true
    threshold     = 1

    query_list {
      query          = "message.event: request_crashed or message.event: event_crashed or message.event: document_crashed or message.event: parser_crashed | SELECT count(*) AS value FROM log"
      store_type     = "log"
      project        = var.log_project_name
      store          = var.log_store_name
      region         = var.region
      time_span_type = "Relative"
      start          = "-15m"
      end            = "now"
    }

    group_configuration {
      type = "no_group"
    }

    severity_configurations {
      severity = 8

      eval_condition {
        condition       = "value >= 1"
        count_condition = ""
      }
    }

    annotations {
      key   = "title"
      value = "Internal errors"
    }

    annotations {
      key   = "desc"
      value = "Report the trace in the line of the log."
    }
  }
}

resource "alicloud_sls_alert" "startup_alert" {
  project_name = var.log_project_name
  alert_name   = "${var.prefix}-startup"
  display_name = "A function refuses to start"
  description  = "The line names the setting that is wrong."
  depends_on   = [alicloud_log_dashboard.dashboard]

  schedule {
    type     = "FixedRate"
    interval = "5m"
  }

  configuration {
    version       = "2.0"
    type          = "default"
    dashboard     = "${var.prefix}-dashboard"
    no_data_fire  = false
    send_resolved = true
    threshold     = 1

    query_list {
      query          = "message.event: startup_refused | SELECT count(*) AS value FROM log"
      store_type     = "log"
      project        = var.log_project_name
      store          = var.log_store_name
      region         = var.region
      time_span_type = "Relative"
      start          = "-15m"
      end            = "now"
    }

    group_configuration {
      type = "no_group"
    }

    severity_configurations {
      severity = 8

      eval_condition {
        condition       = "value >= 1"
        count_condition = ""
      }
    }

    annotations {
      key   = "title"
      value = "A function refuses to start"
    }

    annotations {
      key   = "desc"
      value = "The line names the setting that is wrong."
    }
  }
}
