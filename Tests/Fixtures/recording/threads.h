// The stories of two threads and one descriptor number.
#ifndef THREADS_H
#define THREADS_H

void out_of_order(const char *spin); // how long the opener waits, in turns of a loop
void late_close(void);
void threads(void);

#endif
