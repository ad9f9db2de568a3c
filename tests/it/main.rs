//! Integration tests: the real `bootstrap` between the stand-ins, over real sockets on ports the system chooses.

mod calls;
mod delivery;
mod fc_invoke;
mod load;
mod pull;
mod records;
mod samples;
mod secrets;
mod support;
