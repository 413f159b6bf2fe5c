// A process's own book of its sockets: every call of a story goes through here, and what is written
// down at the end is the truth that the records of the same calls are held to.
#ifndef BOOK_H
#define BOOK_H

#include <stdbool.h>
#include <sys/types.h>

enum family { TCP, UDP, OTHER, FAMILIES };
// OWN came from socket(); the others never enter the five figures.
enum origin { OWN, ACCEPT, PAIR, COPY, INHERITED, ORIGINS };

enum { NUMBERS = 64 };

struct book {
    long opened[FAMILIES], closed[FAMILIES], released[FAMILIES];
    long came[ORIGINS], went[ORIGINS];
    struct {
        bool held, cloexec;
        enum family family;
        enum origin origin;
    } fd[NUMBERS];
};

extern struct book book;

// Which entry the calls take; i386 is `int $0x80` out of this 64-bit program.
enum entry { X86_64, I386, I386_SOCKETCALL };
extern enum entry entry;

int open_socket(int domain, int type, int protocol);
int open_listener(int type); // a bound socket that listens: 127.0.0.1, or unix (abstract)
int connect_to(int listener, int type);
int accept_one(int listener, bool cloexec);
void open_pair(int fds[2], bool cloexec);
int copy_fd(int fd, bool cloexec);         // fcntl F_DUPFD, F_DUPFD_CLOEXEC
void copy_over(int from, int to);          // dup2
void copy_over_cloexec(int from, int to);  // dup3
void mark_fcntl(int fd, bool cloexec);     // F_SETFD
void mark_ioctl(int fd, bool cloexec);     // FIOCLEX, FIONCLEX
void close_fd(int fd);
void close_fds(unsigned first, unsigned last, unsigned flags); // close_range

// What two threads did at once is written down afterwards, by whoever waited for both.
void came(int fd, enum origin origin, enum family family, bool cloexec);
void goes(int fd, bool closed);

// In a child, first of all: what the parent held is inherited.
void inherit(void);
// execve that takes the book along; in the new program `resume` reads it.
void execute(const char *file, const char *story);
void resume(void);

// One line of truth to standard output: state is "running", "exited" (the log has its exit_group)
// or "killed" (it has none).
void tell(const char *state);
void tell_killed(void);
_Noreturn void leave(void); // books the rest as released, tells it, exit_group
void hold(void);            // waits for the end of standard input
void name_thread(const char *name);
void check(bool good, const char *what);

#endif
