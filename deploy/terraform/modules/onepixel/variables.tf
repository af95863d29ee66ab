# What the module can be told. Everything has a default that is safe to start with, except where the functions' zips are.

variable "name" {
  description = "Stands at the front of every name, so that several installations fit into one account and Region."
  type        = string
  default     = "onepixel"
  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,22}[a-z0-9]$", var.name))
    error_message = "name is 3 to 24 characters: lower-case letters, digits and hyphens, a letter first and no hyphen last. Longer names do not fit into a bucket's."
  }
}

variable "tags" {
  description = "Tags of everything that can have them."
  type        = map(string)
  default     = {}
}

variable "zips" {
  description = "The folder with the functions' zips, as `cargo xtask lambda` leaves it."
  type        = string
}

variable "architecture" {
  description = "The processors the zips were built for: arm64 (cheaper) or x86_64."
  type        = string
  default     = "arm64"
  validation {
    condition     = contains(["arm64", "x86_64"], var.architecture)
    error_message = "architecture is arm64 or x86_64."
  }
}

variable "acknowledge" {
  description = "When the pixel is answered: `before` (after Kinesis has the record: nothing acknowledged is lost) or `after` (at once; the record is in Kinesis before the environment is frozen, and only its crash in these milliseconds loses it)."
  type        = string
  default     = "before"
  validation {
    condition     = contains(["before", "after"], var.acknowledge)
    error_message = "acknowledge is before or after."
  }
}

variable "kms_key_arn" {
  description = "A KMS key for stream, bucket, table, queues, logs and the functions' settings. Its policy has to admit logs.<region>.amazonaws.com and cloudwatch.amazonaws.com. Null: the services' own keys, which cost nothing."
  type        = string
  default     = null
  validation {
    condition     = var.kms_key_arn == null || can(regex("^arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:key/.+$", var.kms_key_arn))
    error_message = "kms_key_arn is the ARN of a key (arn:aws:kms:REGION:ACCOUNT:key/ID), not of an alias."
  }
}

variable "pixel" {
  description = "GET /p.gif: its path, that of the tracker beside it (GET /p.js), and the token bucket of the HTTP API in front of both (requests a second, and at once)."
  type = object({
    path   = optional(string, "p.gif")
    script = optional(string, "p.js")
    rate   = optional(number, 1000)
    burst  = optional(number, 2000)
  })
  default = {}
  validation {
    condition     = alltrue([for path in [var.pixel.path, var.pixel.script] : can(regex("^[A-Za-z0-9._~-]+(/[A-Za-z0-9._~-]+)*$", path))])
    error_message = "pixel.path and pixel.script have no slash at their ends and only letters, digits, and - . _ ~ between slashes, for example p.gif."
  }
  validation {
    condition     = var.pixel.path != var.pixel.script
    error_message = "pixel.path and pixel.script are two paths."
  }
  validation {
    condition     = var.pixel.rate >= 1 && var.pixel.burst >= 1 && floor(var.pixel.burst) == var.pixel.burst
    error_message = "pixel.rate and pixel.burst are 1 or more, and pixel.burst is a whole number. An account has 10000 and 5000 in a Region unless AWS raised them."
  }
}

variable "events" {
  description = "POST /e: its path, the token bucket of the REST API in front of it, and the origins whose pages may post ([\"*\"]: all)."
  type = object({
    path    = optional(string, "e")
    rate    = optional(number, 500)
    burst   = optional(number, 1000)
    origins = optional(list(string), ["*"])
  })
  default = {}
  validation {
    condition     = can(regex("^[A-Za-z0-9_]+$", var.events.path))
    error_message = "events.path is one word of letters, digits and underscores, for example e: it is the name of the stage, too."
  }
  validation {
    condition     = var.events.rate >= 1 && var.events.burst >= 1 && floor(var.events.burst) == var.events.burst
    error_message = "events.rate and events.burst are 1 or more, and events.burst is a whole number."
  }
  validation {
    condition     = var.events.origins == tolist(["*"]) || (length(var.events.origins) > 0 && alltrue([for origin in var.events.origins : can(regex("^https?://[A-Za-z0-9.-]+(:[0-9]+)?$", origin))]))
    error_message = "events.origins is [\"*\"] alone, or a list of origins like https://www.example.com, without a path."
  }
}

variable "privacy" {
  description = "What becomes of addresses (truncate, drop, keep), and what Sec-GPC and DNT do (ignore, count, drop)."
  type = object({
    ip  = optional(string, "truncate")
    gpc = optional(string, "count")
  })
  default = {}
  validation {
    condition     = contains(["truncate", "drop", "keep"], var.privacy.ip)
    error_message = "privacy.ip is truncate, drop or keep."
  }
  validation {
    condition     = contains(["ignore", "count", "drop"], var.privacy.gpc)
    error_message = "privacy.gpc is ignore, count or drop."
  }
}

variable "stream" {
  description = "The Kinesis stream: ON_DEMAND or PROVISIONED with so many shards, how long it keeps records (hours), and the largest record (KiB)."
  type = object({
    mode            = optional(string, "ON_DEMAND")
    shards          = optional(number, 1)
    retention_hours = optional(number, 24)
    record_kib      = optional(number, 2048)
  })
  default = {}
  validation {
    condition     = contains(["ON_DEMAND", "PROVISIONED"], var.stream.mode)
    error_message = "stream.mode is ON_DEMAND or PROVISIONED."
  }
  validation {
    condition     = var.stream.shards >= 1 && floor(var.stream.shards) == var.stream.shards
    error_message = "stream.shards is a whole number, 1 or more; it counts only when stream.mode is PROVISIONED."
  }
  validation {
    condition     = var.stream.retention_hours >= 24 && var.stream.retention_hours <= 8760 && floor(var.stream.retention_hours) == var.stream.retention_hours
    error_message = "stream.retention_hours is 24 to 8760 (365 days)."
  }
  validation {
    condition     = var.stream.record_kib >= 1024 && var.stream.record_kib <= 3072 && floor(var.stream.record_kib) == var.stream.record_kib
    error_message = "stream.record_kib is 1024 to 3072: Kinesis refuses less, and Lambda is handed at most 6 MB at once, in base64. Bodies of 1 MiB need 2048."
  }
}

variable "archive" {
  description = "How events come into the bucket: by our consumer or by Firehose, in which batches, how long they stay (days; null: for ever), and the first of the ten years that Athena looks into."
  type = object({
    by             = optional(string, "consumer")
    batch_size     = optional(number, 10000)
    window_seconds = optional(number, 60)
    lanes          = optional(number, 1)
    retries        = optional(number, -1)
    age_seconds    = optional(number, -1)
    cold_days      = optional(number, null)
    expire_days    = optional(number, null)
    first_year     = optional(number, 2026)
  })
  default = {}
  validation {
    condition     = contains(["consumer", "firehose"], var.archive.by)
    error_message = "archive.by is consumer or firehose."
  }
  validation {
    condition     = var.archive.batch_size >= 1 && var.archive.batch_size <= 10000
    error_message = "archive.batch_size is 1 to 10000 records."
  }
  validation {
    condition     = var.archive.window_seconds >= 0 && var.archive.window_seconds <= 300 && (var.archive.batch_size <= 10 || var.archive.window_seconds >= 1)
    error_message = "archive.window_seconds is 0 to 300, and 1 or more when archive.batch_size is above 10."
  }
  validation {
    condition     = var.archive.lanes >= 1 && var.archive.lanes <= 10
    error_message = "archive.lanes (batches of one shard at the same time) is 1 to 10."
  }
  validation {
    condition     = var.archive.retries >= -1 && var.archive.retries <= 10000
    error_message = "archive.retries is 0 to 10000, or -1 for as long as the stream keeps the record."
  }
  validation {
    condition     = var.archive.age_seconds == -1 || (var.archive.age_seconds >= 60 && var.archive.age_seconds <= 604800)
    error_message = "archive.age_seconds is 60 to 604800, or -1 for no limit."
  }
  validation {
    condition     = alltrue([for days in [var.archive.cold_days, var.archive.expire_days] : days == null ? true : days >= 1])
    error_message = "archive.cold_days and archive.expire_days are 1 or more, or null for never."
  }
  validation {
    condition     = var.archive.expire_days == null ? true : (var.archive.cold_days == null ? true : var.archive.expire_days > var.archive.cold_days)
    error_message = "archive.expire_days is more than archive.cold_days."
  }
}

variable "live" {
  description = "The live view in DynamoDB: how long it remembers (days), and in which batches it counts."
  type = object({
    days           = optional(number, 7)
    batch_size     = optional(number, 1000)
    window_seconds = optional(number, 5)
    lanes          = optional(number, 1)
    retries        = optional(number, -1)
    age_seconds    = optional(number, -1)
  })
  default = {}
  validation {
    condition     = var.live.days >= 1 && var.live.days <= 365 && floor(var.live.days) == var.live.days
    error_message = "live.days is a whole number, 1 to 365."
  }
  validation {
    condition     = var.live.batch_size >= 1 && var.live.batch_size <= 10000
    error_message = "live.batch_size is 1 to 10000 records."
  }
  validation {
    condition     = var.live.window_seconds >= 0 && var.live.window_seconds <= 300 && (var.live.batch_size <= 10 || var.live.window_seconds >= 1)
    error_message = "live.window_seconds is 0 to 300, and 1 or more when live.batch_size is above 10."
  }
  validation {
    condition     = var.live.lanes >= 1 && var.live.lanes <= 10
    error_message = "live.lanes (batches of one shard at the same time) is 1 to 10."
  }
  validation {
    condition     = var.live.retries >= -1 && var.live.retries <= 10000
    error_message = "live.retries is 0 to 10000, or -1 for as long as the stream keeps the record."
  }
  validation {
    condition     = var.live.age_seconds == -1 || (var.live.age_seconds >= 60 && var.live.age_seconds <= 604800)
    error_message = "live.age_seconds is 60 to 604800, or -1 for no limit."
  }
}

variable "functions" {
  description = "Memory (MB), time (s) and reserved concurrency (-1: none) of single functions: ingest, archive, live, firehose, redrive, dashboard."
  type = map(object({
    memory      = optional(number)
    timeout     = optional(number)
    concurrency = optional(number)
  }))
  default = {}
  validation {
    condition     = alltrue([for name in keys(var.functions) : contains(["ingest", "archive", "live", "firehose", "redrive", "dashboard"], name)])
    error_message = "functions knows ingest, archive, live, firehose, redrive and dashboard."
  }
  validation {
    condition     = alltrue([for function in values(var.functions) : function.memory == null ? true : function.memory >= 128 && function.memory <= 10240])
    error_message = "A function's memory is 128 to 10240 MB."
  }
  validation {
    condition     = alltrue([for function in values(var.functions) : function.timeout == null ? true : function.timeout >= 1 && function.timeout <= 900])
    error_message = "A function's timeout is 1 to 900 s."
  }
  validation {
    condition     = alltrue([for function in values(var.functions) : function.concurrency == null ? true : function.concurrency >= -1])
    error_message = "A function's concurrency is 0 or more, or -1 for none reserved."
  }
}

variable "dashboard" {
  description = "The dashboard: whether there is one, and the token bucket of the HTTP API in front of it."
  type = object({
    enabled = optional(bool, true)
    rate    = optional(number, 20)
    burst   = optional(number, 100)
  })
  default = {}
  validation {
    condition     = var.dashboard.rate >= 1 && var.dashboard.burst >= 1 && floor(var.dashboard.burst) == var.dashboard.burst
    error_message = "dashboard.rate and dashboard.burst are 1 or more, and dashboard.burst is a whole number."
  }
}

variable "sign_in" {
  description = "The one-time secret that signs in for the first time, for example from `openssl rand -hex 32`. It counts until a password is set."
  type        = string
  default     = ""
  sensitive   = true
  validation {
    condition     = var.sign_in == "" || can(regex("^[A-Za-z0-9_-]{32,128}$", var.sign_in))
    error_message = "sign_in is 32 to 128 letters, digits, hyphens and underscores, for example the output of `openssl rand -hex 32`."
  }
  validation {
    condition     = var.sign_in != "" || !var.dashboard.enabled
    error_message = "A dashboard needs sign_in, or nobody could open it: `export TF_VAR_sign_in=$(openssl rand -hex 32)`."
  }
}

variable "domain" {
  description = "A name of your own for pixel and events, and one for the dashboard. zone_id: the Route 53 zone that gets the aliases and proves the certificate; certificate_arn: a certificate of this Region that exists already."
  type = object({
    name            = string
    dashboard_name  = optional(string)
    zone_id         = optional(string)
    certificate_arn = optional(string)
  })
  default = null
  validation {
    condition     = var.domain == null ? true : alltrue([for name in compact([var.domain.name, var.domain.dashboard_name]) : can(regex("^([a-z0-9]([a-z0-9-]*[a-z0-9])?\\.)+[a-z]{2,}$", name))])
    error_message = "domain.name and domain.dashboard_name are host names in lower case, like stats.example.com."
  }
  validation {
    condition     = var.domain == null ? true : var.domain.dashboard_name == null ? true : var.domain.name != var.domain.dashboard_name
    error_message = "domain.dashboard_name differs from domain.name: the pixel and the dashboard are APIs of their own."
  }
  validation {
    condition     = var.domain == null ? true : (var.domain.zone_id != null || var.domain.certificate_arn != null)
    error_message = "domain needs zone_id (a certificate is made and proved) or certificate_arn (one that exists)."
  }
}

variable "logs" {
  description = "How long logs are kept (days), and whether to set the role by which REST APIs of this account and Region write logs: false if there is one already."
  type = object({
    days         = optional(number, 30)
    account_role = optional(bool, true)
  })
  default = {}
  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653], var.logs.days)
    error_message = "logs.days is one of the numbers that CloudWatch takes: 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, and more up to 3653."
  }
}

variable "alarms" {
  description = "Where alarms go (ARNs of SNS topics), and how far a consumer may be behind (minutes) before it is one."
  type = object({
    topic_arns  = optional(list(string), [])
    lag_minutes = optional(number, 15)
  })
  default = {}
  validation {
    condition     = alltrue([for arn in var.alarms.topic_arns : can(regex("^arn:aws[a-z-]*:sns:", arn))])
    error_message = "alarms.topic_arns holds ARNs of SNS topics."
  }
  validation {
    condition     = var.alarms.lag_minutes >= 1 && var.alarms.lag_minutes * 2 <= var.stream.retention_hours * 60
    error_message = "alarms.lag_minutes is at least 1 and at most half of the stream's retention, or the alarm would come too late."
  }
}

variable "protect" {
  description = "Refuse to delete the table and a bucket that is not empty."
  type        = bool
  default     = true
}
