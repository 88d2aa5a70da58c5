//! SuspendCoordinator: the order, deadlines and ways back of a guest's suspend and resume.
#![no_std]
