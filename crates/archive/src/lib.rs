//! The sink that writes the partitioned archive to object storage.
