/* SPDX-License-Identifier: BSL-1.0
 * Copyright the libfiber authors.
 *
 * poll_reuse.pml: [slot.generation] and [netpoller.validate] of io/netpoller.hpp. The program closes a
 * descriptor by a plain close and reuses its number, for a new file or for an old one that a duplicate has
 * kept open. In the end the library may adopt the descriptor. Agents wait for the number. The model shows:
 *   - no agent sleeps forever while the file of the number is ready, if the number named that file when the
 *     agent fell asleep;
 *   - once the kernel or the owner has said that the number names another file, no event of the old file
 *     counts.
 *
 *   here          there
 *   agent         the loop of watched_descriptor.hpp, netpoller::wait_for
 *   ensure        netpoller::ensure_registered
 *   check         netpoller::check, netpoller::validate
 *   renew         poll_slot::begin_generation
 *   poller        netpoller::receive, netpoller::deliver
 *   program       close, open and dup2 of the program, and netpoller::adopt; outside: the other ends of the files
 *
 * The kernel registers a file under a number. It removes the registration with the last descriptor of the
 * file. poll_slot.pml has the steps of [slot.ready]; here an agent checks the word and parks in one step.
 *
 * NO_VALIDATION    check() asks the kernel nothing
 * ANY_GENERATION   an event counts, whatever its generation
 * SILENT_RENEWAL   a new generation does not wake the waiters
 * REGISTERED_KEPT  a slot with a new generation counts as registered
 * EEXIST_DONE      an agent that adds a file which is in the set already leaves its old generation there
 * ADD_ALONE        check() adds the new file, but does not change the generation
 * UNLOCKED         check() does not take the slot's lock
 */
#define AGENTS 2
#define FILES 2
#define NONE FILES
#define CHANGES 2

byte names = 0;                          /* the file of the number */
bool kept[FILES];                        /* the file has another descriptor, under another number */
bool ready[FILES], happened[FILES];      /* an attempt would succeed; that has been so once */
bool named[FILES];                       /* the number has named the file since the kernel was last asked */
bool in_set[FILES], pending[FILES];      /* the registration of (file, number), */
byte generation_in_set[FILES];           /* and its data */

byte generation, count;                  /* the slot */
bool registered, drained, locked, owned;
bool queued[AGENTS], young[AGENTS], asleep[AGENTS];
byte parked_generation[AGENTS];
bool of_this_file[AGENTS];               /* the number names what it named when the agent fell asleep */

/* Both end with the system call; the lock is held. */
inline change_registration(f) { generation_in_set[f] = generation; in_set[f] = true; pending[f] = ready[f] }

inline ensure() {
    do
    :: registered -> break
    :: atomic { !registered && names == NONE -> locked = false; goto done } /* EBADF */
    :: atomic { !registered && names != NONE && !in_set[names] -> change_registration(names); registered = true }; break
    :: atomic { !registered && names != NONE && in_set[names] }; /* EEXIST */
#ifdef EEXIST_DONE
       registered = true;
#else
       if
       :: atomic { names != NONE && in_set[names] -> change_registration(names); registered = true }
       :: atomic { names == NONE -> locked = false; goto done } /* EBADF */
       :: atomic { names != NONE && !in_set[names] } /* ENOENT: the program has changed the number again */
       fi
#endif
    od
}

inline kernel_asked() { named[0] = (names == 0); named[1] = (names == 1) }

inline wake_all() { for (i : 0 .. AGENTS - 1) { queued[i] = false } i = 0 }

inline renew() {
    generation++;
    count++;
    drained = false;
#ifndef REGISTERED_KEPT
    registered = false;
#endif
#ifndef SILENT_RENEWAL
    wake_all()
#endif
}

proctype agent(byte me) {
    byte seen;
again:
    atomic { seen = count; if :: drained -> goto wait :: else fi };
    if
    :: atomic { names == NONE -> goto done }
    :: atomic { names != NONE && ready[names] -> ready[names] = false; goto done }
    :: atomic { names != NONE && !ready[names] }
    fi;
    atomic { if :: count == seen -> drained = true :: else fi };
wait:
    atomic { !locked -> locked = true };
    ensure();
    atomic {
        locked = false;
        if :: !drained || count != seen -> seen = 0; goto again :: else fi;
        queued[me] = true;
        young[me] = !owned;
        parked_generation[me] = generation;
        of_this_file[me] = true;
        seen = 0;
        asleep[me] = true };
end_asleep:
    atomic { !queued[me] -> asleep[me] = false; young[me] = false; parked_generation[me] = 0; of_this_file[me] = false };
    goto again;
done:
    seen = 0
}

proctype checker() {
    byte i, g;
end:
    do
    :: atomic { young[0] || young[1] -> /* 800 µs have passed */
           i = (young[0] -> 0 : 1);
           young[i] = false;
           g = parked_generation[i];
           i = 0 };
#ifndef NO_VALIDATION
#ifndef UNLOCKED
       atomic { !locked -> locked = true };
#endif
       if
       :: (!queued[0] && !queued[1]) || generation != g
       :: else ->
          if
          :: atomic { names != NONE && in_set[names] -> change_registration(names) }  /* EPOLL_CTL_MOD */
          :: atomic { names != NONE && !in_set[names] -> /* ENOENT */
                 kernel_asked() };
#ifdef ADD_ALONE
             if
             :: atomic { names != NONE && !in_set[names] -> change_registration(names) }
             :: atomic { names == NONE || in_set[names] }
             fi
#elif defined(UNLOCKED)
             generation++;
             atomic { count++; drained = false };
             registered = false;
             queued[0] = false;
             queued[1] = false
#else
             atomic { renew() }
#endif
          :: atomic { names == NONE } /* EBADF */
          fi
       fi;
       g = 0;
#ifndef UNLOCKED
       locked = false
#endif
#endif
    od
}

proctype poller() {
    byte i, f, g;
end:
    do
    :: atomic { pending[0] || pending[1] ->
           if :: pending[0] -> f = 0 :: pending[1] -> f = 1 fi;
           pending[f] = false;
           g = generation_in_set[f] };
       atomic { !locked ->
#ifndef ANY_GENERATION
           if
           :: g == generation ->
#endif
              assert(named[f]);
              count++;
              drained = false;
              wake_all()
#ifndef ANY_GENERATION
           :: else
           fi
#endif
           f = 0;
           g = 0 }
    od
}

inline end_file(f) { in_set[f] = false; pending[f] = false; generation_in_set[f] = 0; ready[f] = false; kept[f] = false }

proctype program() {
    byte i, n = CHANGES;
    bool opened;
    do
    :: atomic { n > 0 -> /* close: perhaps a duplicate lives on, for example in a child process */
           if :: kept[names] = true :: end_file(names) fi;
           names = NONE };
       atomic {
           if
           :: !opened -> opened = true; names = 1
           :: kept[0] -> names = 0 /* by dup2 */
           :: opened && !kept[0] -> goto closed
           fi;
           named[names] = true;
           of_this_file[0] = false;
           of_this_file[1] = false;
           n-- }
    :: atomic { kept[0] && names != 0 -> end_file(0) } /* the duplicate is closed, too */
    :: atomic { n == 0 -> break }
    od;
    if
    :: atomic { names != NONE && !locked -> renew(); kernel_asked(); owned = true } /* adopt */
    :: true
    fi;
closed:
    atomic { n = 0; opened = false }
}

inline happen(f) { happened[f] = true; ready[f] = true; pending[f] = in_set[f] }

proctype outside() {
end:
    do
    :: atomic { names != NONE && !happened[names] -> happen(names) }
    :: atomic { kept[0] && !happened[0] -> happen(0) }
    od
}

init {
    byte a;
    atomic {
        named[0] = true;
        for (a : 0 .. AGENTS - 1) { run agent(a) }
        run checker();
        run poller();
        run program();
        run outside()
    }
    timeout;
    for (a : 0 .. AGENTS - 1) {
        assert(!asleep[a] || names == NONE || !of_this_file[a] || !ready[names])
    }
}
