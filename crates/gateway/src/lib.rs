//! The HTTP edge and ingest: a hit becomes a durable event.
