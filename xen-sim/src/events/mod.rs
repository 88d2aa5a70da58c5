//! The event channels of a guest with two processors, in the hands of peers, of a host that resumes it and of memory that
//! lies: a script says what happens, and a book of what each port is owed says what must come of it.
//!
//! While memory is honest, each event is handed out once, to its port's owner on its processor, and there is an upcall for
//! it. Lies are of two kinds. What the guest can notice costs nobody an event that comes afterwards; what hides an event,
//! such as a link that leads around it, it cannot notice. Either way only ports with an owner are handed out, and nothing
//! goes on without end.

mod acts;
mod book;
mod debt;
mod handler;
mod lies;
mod life;
mod machine;
mod peers;
mod resume;

pub(crate) use life::play;
pub(crate) use machine::Wanted;
