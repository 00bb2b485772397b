/* SPDX-License-Identifier: BSL-1.0
 * Copyright the libfiber authors.
 *
 * alone.pml: [mutex.alone] and [mutex.queue] of sync/mutex.cpp, [restart.phase] of runtime/base/restartable.cpp. Never are two
 * in, and nobody waits for ever. Meanwhile sequences are allowed, and given up.
 *
 *   party            lock, unlock; unlock_alone, be_asked_for, part: the three columns of [mutex.alone]
 *   restart          restart_sequences
 *   unlock_alone     the restartable sequence: it may be interrupted between any two steps, and by restart_all it is
 *   chooser          choose_restartable, then forbid_sequences as one that calls restart_sequences does
 *
 * Two cases, since all at once is too many states. CHOSEN: sequences are allowed from the start and for ever, and each owner
 * may part from the company before it unlocks, and a wait may end because its time is up. Else neither, and the chooser does
 * its work meanwhile.
 *
 * NO_RESTART        those who stand in a sequence pass a fence, and go on
 * ASK_FIRST         who must wait asks, and then sees to it that nobody is alone
 * LOOK_BEFORE       the owner looks at the company before the sequence begins
 * NO_FENCE          between the company and the phase there is no fence
 * ALLOWED_FIRST     sequences are allowed before the phase says so
 * NO_LAST_RESTART   they are forbidden, and those under way go on
 * ALLOWED_UNREAD    whether they are allowed is looked at before the sequence begins
 * NO_SECOND_LOOK    who has restarted the sequences does not look at the company again
 * QUEUE_UNREAD      the owner parts from its company although it has been asked for
 * NO_QUEUE_LOCK     it parts without the lock of the queue
 */
#define PARTIES 4
#define CHOOSER 3
#define STATE 0   /* 0 free, 1 locked, 2 contended */
#define COMPANY 1 /* 0 none; else there may be some */
#define QUEUE 2   /* its lock */
#define ALLOWED 3
#define PHASE 4 /* 0 unused, 1 used, 2 given up */
#define VARIABLES 5
#include "tso.pml"

bool in_sequence[PARTIES];
byte waiting, woken; /* in the queue, guarded by its lock; taken out and under way */
bool someone_is_in;

/* membarrier: each party passes a fence while it lasts, and leaves the sequence that it is in. */
inline restart_all() {
    drained;
    do
    :: atomic {
           at < PARTIES ->
           do :: b(at).n > 0 -> flush_one(at) :: else -> break od;
#ifndef NO_RESTART
           in_sequence[at] = false;
#endif
           at++
       }
    :: else -> at = 0; break
    od
}

inline restart() {
#ifndef NO_FENCE
    drained;
#endif
    if
    :: load(PHASE) == 1 -> restart_all()
    :: else
    fi
}

inline lock_queue() { atomic { drained && memory[QUEUE] == 0 -> memory[QUEUE] = 1 } }
inline unlock_queue() { store(QUEUE, 0) }

/* With the queue locked, before and after. */
inline be_asked_for() {
    do
    :: load(COMPANY) != 0 -> break
    :: else ->
       store(COMPANY, 1);
       unlock_queue();
       restart();
       lock_queue()
#ifdef NO_SECOND_LOOK
       ; break
#endif
    od
}

/* By the owner. */
inline part() {
#ifndef NO_QUEUE_LOCK
    lock_queue();
#endif
    if
#ifdef QUEUE_UNREAD
    :: load(COMPANY) != 0 -> store(COMPANY, 0)
#else
    :: load(COMPANY) != 0 && waiting == 0 -> store(COMPANY, 0)
#endif
    :: else
    fi;
#ifndef NO_QUEUE_LOCK
    unlock_queue()
#endif
}

inline lock() {
    if
    :: atomic { drained && memory[STATE] == 0 -> memory[STATE] = 1 }
    :: atomic { drained && memory[STATE] != 0 };
       do
       :: lock_queue();
#ifndef ASK_FIRST
          be_asked_for();
#endif
          atomic { drained; seen = memory[STATE]; memory[STATE] = 2 };
          if
          :: seen == 0 ->
             if
             :: waiting == 0 -> store(STATE, 1)
             :: else
             fi;
             unlock_queue();
             break
          :: else ->
             waiting++;
#ifdef ASK_FIRST
             be_asked_for();
#endif
             unlock_queue();
#ifdef CHOSEN
             if
             :: lock_queue(); /* its time is up */
                if
                :: waiting > 0 -> waiting--; unlock_queue(); goto done
                :: else -> unlock_queue()
                fi
             :: true
             fi;
#endif
             atomic { woken > 0 -> woken-- };
             if
             :: atomic { drained && memory[STATE] == 0 -> memory[STATE] = 2 }; /* by spinning */
                break
             :: true
             fi
          fi
       od
    fi
}

inline unlock_alone() {
    alone = false;
#ifdef LOOK_BEFORE
    seen = load(COMPANY);
#endif
#ifdef ALLOWED_UNREAD
    allowed = load(ALLOWED);
#endif
    in_sequence[me] = true;
#ifndef ALLOWED_UNREAD
    allowed = load(ALLOWED);
#endif
#ifndef LOOK_BEFORE
    seen = load(COMPANY);
#endif
    if
    :: allowed && seen == 0 ->
       atomic {
           if
           :: in_sequence[me] && b(me).n < 2 -> store(STATE, 0); alone = true
           :: !in_sequence[me]
           fi;
           in_sequence[me] = false
       }
    :: else -> in_sequence[me] = false
    fi;
    allowed = false
}

inline unlock() {
#ifdef CHOSEN
    if
    :: part()
    :: true
    fi;
#endif
    unlock_alone();
    if
    :: alone
    :: else ->
       atomic { drained; seen = memory[STATE]; memory[STATE] = seen - 1 };
       assert(seen > 0);
       do
       :: seen == 1 -> break
       :: else ->
          lock_queue();
          if
          :: waiting > 0 ->
             waiting--;
             unlock_queue();
             store(STATE, 0);
             atomic { drained -> woken++ }; /* the unpark */
             break
          :: else ->
             store(STATE, 1);
             unlock_queue();
             atomic { drained; seen = memory[STATE]; memory[STATE] = seen - 1 }
          fi
       od
    fi;
    seen = 0
}

proctype party(byte me; byte times) {
    byte at, seen;
    bool alone, allowed;
    do
    :: times > 0 ->
       lock();
       atomic { assert(!someone_is_in); someone_is_in = true };
       someone_is_in = false;
       unlock();
done:
       times--
    :: else -> break
    od
}

proctype chooser(byte me) {
    byte at;
#ifdef ALLOWED_FIRST
    store(ALLOWED, 1);
    store(PHASE, 1);
#else
    store(PHASE, 1);
    store(ALLOWED, 1);
#endif
    if
    :: store(ALLOWED, 0);
#ifndef NO_LAST_RESTART
       restart_all();
#endif
       store(PHASE, 2)
    :: true
    fi
}

init {
    atomic {
#ifdef CHOSEN
        memory[PHASE] = 1;
        memory[ALLOWED] = 1;
        memory[COMPANY] = 1; /* they have met before */
        run party(0, 2);
        run party(1, 1);
        run party(2, 2)
#else
        run party(0, 1);
        run party(1, 1);
        run party(2, 1);
        run chooser(CHOOSER)
#endif
    }
}
