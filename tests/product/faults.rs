//! What is around the server fails: the archive's store, the live view's database, the disk. Each costs what depends
//! on it and nothing else, and nothing that was acknowledged.

mod archive_down;
mod broken;
mod disk_full;
mod live_locked;
