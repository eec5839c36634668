pub mod functions_host;
