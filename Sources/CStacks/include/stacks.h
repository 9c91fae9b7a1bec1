#ifndef HONE_STACKS_H
#define HONE_STACKS_H

/// Gets ready to dump stacks: what the first call would have to load is loaded now, when nothing hangs.
void hone_stacks_prepare(void);

/// Writes to `descriptor` what every thread of this process is doing: its name, its state, the kernel function that it
/// waits in, and its stack, innermost call first. A thread that does not answer within a fifth of a second is in the
/// kernel for good, which is said.
///
/// May be called by one thread at a time; the calling thread is left out. Returns the number of threads that answered.
int hone_stacks_dump(int descriptor);

#endif
