variable "region" {
  description = "Where everything runs."
  type        = string
  default     = "us-east-1"
}

variable "name" {
  description = "Stands at the front of every name."
  type        = string
  default     = "onepixel"
}

variable "zips" {
  description = "The folder with the functions' zips; by default where `cargo xtask lambda` leaves them."
  type        = string
  default     = "../../../../target/lambda"
}

variable "architecture" {
  description = "The processors the zips were built for: arm64 or x86_64."
  type        = string
  default     = "arm64"
}

variable "acknowledge" {
  description = "When the pixel is answered: before (the record is in Kinesis) or after (it gets there right after the answer)."
  type        = string
  default     = "before"
}

variable "sign_in" {
  description = "The one-time secret of the first sign-in: openssl rand -hex 32."
  type        = string
  sensitive   = true
}

variable "domain" {
  description = "A name of your own: { name, dashboard_name, zone_id, certificate_arn }. Null: the addresses that AWS gives."
  type = object({
    name            = string
    dashboard_name  = optional(string)
    zone_id         = optional(string)
    certificate_arn = optional(string)
  })
  default = null
}

variable "stream" {
  description = "The stream: { mode, shards, retention_hours }."
  type = object({
    mode            = optional(string, "ON_DEMAND")
    shards          = optional(number, 1)
    retention_hours = optional(number, 24)
  })
  default = {}
}

variable "archive" {
  description = "The archive: { by = \"consumer\" or \"firehose\", cold_days, expire_days }."
  type = object({
    by          = optional(string, "consumer")
    cold_days   = optional(number)
    expire_days = optional(number)
  })
  default = {}
}

variable "mail" {
  description = "Where alarms are sent. Null: nowhere; CloudWatch shows them."
  type        = string
  default     = null
}
