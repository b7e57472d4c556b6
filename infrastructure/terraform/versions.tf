# Generated from s.yaml by `python -m ops infra --terraform FOLDER`. Do not edit.

terraform {
  required_version = ">= 1.5"

  required_providers {
    alicloud = {
      source  = "aliyun/alicloud"
      version = ">= 1.293.0"
    }
  }
}

provider "alicloud" {
  region = var.region
}
