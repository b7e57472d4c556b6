# Generated from s.yaml by `python -m ops infra --terraform FOLDER`. Do not edit.

variable "region" {
  description = "The region"
  type        = string
  default     = "cn-beijing"
}

variable "account" {
  description = "The number of the account"
  type        = string
}

variable "prefix" {
  description = "The first part of all names"
  type        = string
  default     = "semantic-search"
}

variable "bucket_name" {
  description = "The bucket of the documents"
  type        = string
}

variable "log_project_name" {
  description = "The log project; unique in its region"
  type        = string
}

variable "log_store_name" {
  description = "The log store"
  type        = string
  default     = "functions"
}

variable "zone" {
  description = "The zone of the vSwitch and of Milvus"
  type        = string
  default     = "cn-beijing-g"
}

variable "failure_queue_name" {
  description = "The queue of events that failed for good"
  type        = string
  default     = "semantic-search-failed"
}

variable "milvus_password" {
  description = "The password of Milvus' user root"
  type        = string
  sensitive   = true
}
