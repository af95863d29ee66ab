# Settings that make no sense are refused before anything is made, each by its own variable.

mock_provider "aws" {
  source          = "./tests/mocks"
  override_during = plan
}

variables {
  sign_in = "0123456789abcdef0123456789abcdef"
}

run "a_name_that_no_bucket_takes" {
  command = plan
  variables {
    name = "My_Pixel"
  }
  expect_failures = [var.name]
}

run "a_name_that_is_too_long" {
  command = plan
  variables {
    name = "abcdefghijklmnopqrstuvwxyz"
  }
  expect_failures = [var.name]
}

run "an_unknown_processor" {
  command = plan
  variables {
    architecture = "amd64"
  }
  expect_failures = [var.architecture]
}

run "an_unknown_promise" {
  command = plan
  variables {
    acknowledge = "never"
  }
  expect_failures = [var.acknowledge]
}

run "an_alias_for_a_key" {
  command = plan
  variables {
    kms_key_arn = "alias/mine"
  }
  expect_failures = [var.kms_key_arn]
}

run "a_path_with_a_slash_in_front" {
  command = plan
  variables {
    pixel = { path = "/p.gif" }
  }
  expect_failures = [var.pixel]
}

run "no_rate" {
  command = plan
  variables {
    pixel = { rate = 0 }
  }
  expect_failures = [var.pixel]
}

run "a_path_that_no_stage_takes" {
  command = plan
  variables {
    events = { path = "a/b" }
  }
  expect_failures = [var.events]
}

run "an_origin_with_a_path" {
  command = plan
  variables {
    events = { origins = ["https://example.com/shop"] }
  }
  expect_failures = [var.events]
}

run "all_origins_and_one" {
  command = plan
  variables {
    events = { origins = ["*", "https://example.com"] }
  }
  expect_failures = [var.events]
}

run "an_unknown_privacy" {
  command = plan
  variables {
    privacy = { ip = "hash" }
  }
  expect_failures = [var.privacy]
}

run "an_unknown_mode" {
  command = plan
  variables {
    stream = { mode = "on-demand" }
  }
  expect_failures = [var.stream]
}

run "less_than_a_day" {
  command = plan
  variables {
    stream = { retention_hours = 12 }
  }
  expect_failures = [var.stream]
}

run "more_than_a_year" {
  command = plan
  variables {
    stream = { retention_hours = 8761 }
  }
  expect_failures = [var.stream]
}

run "records_that_lambda_cannot_get" {
  command = plan
  variables {
    stream = { record_kib = 10240 }
  }
  expect_failures = [var.stream]
}

run "no_shard" {
  command = plan
  variables {
    stream = { mode = "PROVISIONED", shards = 0 }
  }
  expect_failures = [var.stream]
}

run "an_unknown_archive" {
  command = plan
  variables {
    archive = { by = "glue" }
  }
  expect_failures = [var.archive]
}

run "a_batch_that_is_too_large" {
  command = plan
  variables {
    archive = { batch_size = 10001 }
  }
  expect_failures = [var.archive]
}

run "a_large_batch_without_a_window" {
  command = plan
  variables {
    archive = { window_seconds = 0 }
  }
  expect_failures = [var.archive]
}

run "too_many_lanes" {
  command = plan
  variables {
    archive = { lanes = 11 }
  }
  expect_failures = [var.archive]
}

run "an_age_that_is_too_short" {
  command = plan
  variables {
    archive = { age_seconds = 30 }
  }
  expect_failures = [var.archive]
}

run "cold_after_the_end" {
  command = plan
  variables {
    archive = { cold_days = 100, expire_days = 50 }
  }
  expect_failures = [var.archive]
}

run "no_days" {
  command = plan
  variables {
    live = { days = 0 }
  }
  expect_failures = [var.live]
}

run "too_many_retries" {
  command = plan
  variables {
    live = { retries = 10001 }
  }
  expect_failures = [var.live]
}

run "a_function_that_is_not_there" {
  command = plan
  variables {
    functions = { consumer = { memory = 256 } }
  }
  expect_failures = [var.functions]
}

run "too_little_memory" {
  command = plan
  variables {
    functions = { ingest = { memory = 64 } }
  }
  expect_failures = [var.functions]
}

run "a_short_secret" {
  command = plan
  variables {
    sign_in = "secret"
  }
  expect_failures = [var.sign_in]
}

run "a_dashboard_that_nobody_could_open" {
  command = plan
  variables {
    sign_in = ""
  }
  expect_failures = [var.sign_in]
}

run "a_domain_with_a_scheme" {
  command = plan
  variables {
    domain = { name = "https://example.com", zone_id = "Z1" }
  }
  expect_failures = [var.domain]
}

run "a_domain_without_certificate_and_zone" {
  command = plan
  variables {
    domain = { name = "stats.example.com" }
  }
  expect_failures = [var.domain]
}

run "one_name_for_two" {
  command = plan
  variables {
    domain = { name = "a.example.com", dashboard_name = "a.example.com", zone_id = "Z1" }
  }
  expect_failures = [var.domain]
}

run "days_that_cloudwatch_does_not_know" {
  command = plan
  variables {
    logs = { days = 31 }
  }
  expect_failures = [var.logs]
}

run "an_alarm_to_no_topic" {
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
