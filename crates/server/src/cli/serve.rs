//! `serve`: everything in one process.

use super::{Failure, Global, ServeArgs, archive_flag};
use crate::data_dir::DataDir;
use crate::run;

pub(super) fn run(global: &Global, args: &ServeArgs) -> Result<(), Failure> {
    let listen = args.listen.map(|address| ("gateway.listen".to_owned(), address.to_string()));
    let settings = global.load(listen.into_iter().chain(archive_flag(&args.archive)))?.settings;
    Ok(run::serve(&settings, &DataDir::new(global.data_dir()), |_, _| Ok(()))?)
}
