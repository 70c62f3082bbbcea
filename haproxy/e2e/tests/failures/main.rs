//! What goes wrong between HAProxy and the agent, and who tries to make it so: nothing passes unless
//! the verdict is `allow`, and all is well again afterwards.

mod agent;
mod attacks;
mod gate;
mod standin;
