# Settings that make no sense are refused before anything is made, each by its own variable. One run holds one wrong value of
# each variable that still has some, since a run costs time: each of them has to be refused.

mock_provider "aws" {
  source          = "./tests/mocks"
  override_during = plan
}

variables {
  sign_in = "0123456789abcdef0123456789abcdef"
}

run "the_first_of_each" {
  command = plan
  variables {
    name         = "My_Pixel"
    architecture = "amd64"
    acknowledge  = "never"
    kms_key_arn  = "alias/mine"
    pixel        = { path = "/p.gif" }
    events       = { path = "a/b" }
    privacy      = { ip = "hash" }
    stream       = { mode = "on-demand" }
    archive      = { by = "glue" }
    live         = { days = 0 }
    functions    = { consumer = { memory = 256 } }
    sign_in      = "secret"
    domain       = { name = "https://example.com", zone_id = "Z1" }
    logs         = { days = 31 }
  }
  expect_failures = [
    var.name,
    var.architecture,
    var.acknowledge,
    var.kms_key_arn,
    var.pixel,
    var.events,
    var.privacy,
    var.stream,
    var.archive,
    var.live,
    var.functions,
    var.sign_in,
    var.domain,
    var.logs,
  ]
}

run "the_second_of_each" {
  command = plan
  variables {
    name      = "abcdefghijklmnopqrstuvwxyz"
    pixel     = { rate = 0 }
    events    = { origins = ["https://example.com/shop"] }
    privacy   = { gpc = "obey" }
    stream    = { retention_hours = 12 }
    archive   = { batch_size = 10001 }
    live      = { retries = 10001 }
    functions = { ingest = { memory = 64 } }
    sign_in   = ""
    domain    = { name = "stats.example.com" }
  }
  expect_failures = [
    var.name,
    var.pixel,
    var.events,
    var.privacy,
    var.stream,
    var.archive,
    var.live,
    var.functions,
    var.sign_in,
    var.domain,
  ]
}

run "the_third_of_each" {
  command = plan
  variables {
    dashboard = { rate = 0 }
    events    = { origins = ["*", "https://example.com"] }
    stream    = { retention_hours = 8761 }
    archive   = { window_seconds = 0 }
    live      = { window_seconds = 301 }
    functions = { ingest = { timeout = 901 } }
    domain    = { name = "a.example.com", dashboard_name = "a.example.com", zone_id = "Z1" }
  }
  expect_failures = [
    var.dashboard,
    var.events,
    var.stream,
    var.archive,
    var.live,
    var.functions,
    var.domain,
  ]
}

run "the_fourth_of_each" {
  command = plan
  variables {
    events  = { burst = 0 }
    stream  = { record_kib = 10240 }
    archive = { lanes = 11 }
    live    = { lanes = 0 }
  }
  expect_failures = [
    var.events,
    var.stream,
    var.archive,
    var.live,
  ]
}

run "the_fifth_of_each" {
  command = plan
  variables {
    stream  = { mode = "PROVISIONED", shards = 0 }
    archive = { age_seconds = 30 }
  }
  expect_failures = [
    var.stream,
    var.archive,
  ]
}

run "the_sixth_of_each" {
  command = plan
  variables {
    archive = { cold_days = 100, expire_days = 50 }
  }
  expect_failures = [
    var.archive,
  ]
}

run "alarms" {
  command = plan
  variables {
    alarms = { topic_arns = ["me@example.com"] }
  }
  expect_failures = [var.alarms]
}

run "an_alarm_that_comes_too_late" {
  command = plan
  variables {
    alarms = { lag_minutes = 1000 }
  }
  expect_failures = [var.alarms]
}

run "zips_that_were_not_built" {
  command = plan
  variables {
    zips = "./nowhere"
  }
  expect_failures = [aws_lambda_function.functions]
}
