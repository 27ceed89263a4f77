"""The process manager "checkout": from a submitted order to a confirmed one."""
