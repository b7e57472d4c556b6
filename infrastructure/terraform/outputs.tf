# Generated from s.yaml by `python -m ops infra --terraform FOLDER`. Do not edit.

output "vpc_id" {
  value = alicloud_vpc.vpc.id
}

output "vswitch_id" {
  value = alicloud_vswitch.vswitch.id
}

output "security_group_id" {
  value = alicloud_security_group.security_group.id
}

output "milvus_uri" {
  value = "http://${alicloud_milvus_instance.milvus.id}-internal.milvus.aliyuncs.com:19530"
}
