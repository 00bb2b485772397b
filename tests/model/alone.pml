/* SPDX-License-Identifier: BSL-1.0
 * Copyright the libfiber authors.
 *
 * alone.pml: [mutex.alone] and [mutex.queue] of sync/mutex.cpp, [restart.phase] of runtime/base/restartable.cpp. Never are two
 * in, and nobody waits for ever. Meanwhile sequences are allowed, and given up.
 *
 *   party            lock, unlock; meet: left and right of [mutex.alone]
 *   restart          restart_sequences
 *   unlock_alone     the restartable sequence: it may be interrupted between any two steps, and by restart_all it is
 *   chooser          choose_restartable, then forbid_sequences as one that calls restart_sequences does
 *
 * NO_RESTART        those who stand in a sequence pass a fence, and go on
 * ASK_FIRST         who must wait asks, and then sees to it that nobody is alone
 * LOOK_BEFORE       the owner looks at the company before the sequence begins
 * NO_FENCE          between the company and the phase there is no fence
 * ALLOWED_FIRST     sequences are allowed before the phase says so
 * NO_LAST_RESTART   they are forbidden, and those under way go on
 * ALLOWED_UNREAD    whether they are allowed is looked at before the sequence begins
 */
#define PARTIES 4
#define CHOOSER 3
#define STATE 0   /* 0 free, 1 locked, 2 contended */
#define COMPANY 1 /* 0 none, 1 coming, 2 met */
#define ALLOWED 2
#define PHASE 3 /* 0 unused, 1 used, 2 given up */
#define VARIABLES 4
#include "tso.pml"

bool in_sequence[PARTIES];
byte waiting, woken; /* in the queue, guarded by its lock; taken out and under way */
bool queue_locked, someone_is_in;

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

inline meet() {
    if
    :: load(COMPANY) != 2 ->
       store(COMPANY, 1);
       restart();
       store(COMPANY, 2)
    :: else
    fi
}

inline lock_queue() { atomic { drained && !queue_locked -> queue_locked = true } }
inline unlock_queue() { atomic { drained -> queue_locked = false } }

inline lock() {
    if
    :: atomic { drained && memory[STATE] == 0 -> memory[STATE] = 1 }
    :: atomic { drained && memory[STATE] != 0 };
#ifndef ASK_FIRST
       meet();
#endif
       do
       :: lock_queue();
          atomic { drained; seen = memory[STATE]; memory[STATE] = 2 };
          if
          :: seen == 0 -> unlock_queue(); break
          :: else ->
             waiting++;
             unlock_queue();
#ifdef ASK_FIRST
             meet();
#endif
             atomic { woken > 0 -> woken-- }
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
    atomic { run party(0, 1); run party(1, 1); run party(2, 1); run chooser(CHOOSER) }
}
