output "pixel_url" {
  description = "Where the pixel is."
  value       = module.onepixel.pixel_url
}

output "events_url" {
  description = "Where events are posted to."
  value       = module.onepixel.events_url
}

output "script_url" {
  description = "Where the tracker is."
  value       = module.onepixel.script_url
}

output "snippet" {
  description = "What to paste into a page."
  value       = module.onepixel.snippet
}

output "dashboard_url" {
  description = "Where the dashboard is."
  value       = module.onepixel.dashboard_url
}

output "sign_in_url" {
  description = "Signs in for the first time: terraform output -raw sign_in_url."
  value       = module.onepixel.sign_in_url
  sensitive   = true
}

output "bucket" {
  description = "The bucket with the archive and the dead letters."
  value       = module.onepixel.bucket
}

output "stream" {
  description = "The name of the stream."
  value       = module.onepixel.stream
}

output "athena" {
  description = "Where to ask in Athena, and a first question."
  value       = module.onepixel.athena
}
