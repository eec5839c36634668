mod audit;
mod detection;
mod scan;
