/* SPDX-License-Identifier: BSL-1.0
 * Copyright the libfiber authors.
 *
 * mutex_bias.pml: [mutex.bias] and [mutex.queue] of sync/mutex.cpp, [rseq.phase] of runtime/base/rseq.cpp. Never are two
 * in, and nobody waits for ever. Meanwhile sequences are allowed, and given up.
 *
 *   agent            lock, unlock; unlock_biased, revoke_bias, try_rebias: the three columns of [mutex.bias]
 *   restart          rseq_barrier
 *   unlock_biased     the restartable sequence: it may be interrupted between any two steps, and by restart_all it is
 *   chooser          choose_rseq, then disable_rseq as one that calls rseq_barrier does
 *
 * Two cases, since all at once is too many states. CHOSEN: sequences are allowed from the start and for ever, and each owner
 * may bias the mutex again before it unlocks, and a wait may end because its time is up. Else neither, and the chooser does
 * its work meanwhile.
 *
 * NO_RESTART        those who stand in a sequence pass a fence, and go on
 * ASK_FIRST         who must wait asks, and revokes the bias after that
 * LOOK_BEFORE       the owner looks at the bias before the sequence begins
 * NO_FENCE          between the bias and the phase there is no fence
 * ALLOWED_FIRST     sequences are allowed before the phase says so
 * NO_LAST_RESTART   they are forbidden, and those under way go on
 * ALLOWED_UNREAD    whether they are allowed is looked at before the sequence begins
 * NO_SECOND_LOOK    who has restarted the sequences does not look at the bias again
 * QUEUE_UNREAD      the owner biases the mutex again although it has been asked for
 * NO_QUEUE_LOCK     it does so without the lock of the queue
 */
#define AGENTS 4
#define CHOOSER 3
#define STATE 0   /* 0 free, 1 locked, 2 contended */
#define UNBIASED 1 /* 0 biased */
#define QUEUE 2   /* its lock */
#define ALLOWED 3
#define PHASE 4 /* 0 unused, 1 used, 2 given up */
#define VARIABLES 5
#include "tso.pml"

bool in_sequence[AGENTS];
byte waiting, woken; /* in the queue, guarded by its lock; taken out and under way */
bool someone_is_in;

/* membarrier: each agent passes a fence while it lasts, and leaves the sequence that it is in. */
inline restart_all() {
    drained;
    do
    :: atomic {
           at < AGENTS ->
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
inline revoke_bias() {
    do
    :: load(UNBIASED) != 0 -> break
    :: else ->
       store(UNBIASED, 1);
       unlock_queue();
       restart();
       lock_queue()
#ifdef NO_SECOND_LOOK
       ; break
#endif
    od
}

/* By the owner. */
inline try_rebias() {
#ifndef NO_QUEUE_LOCK
    lock_queue();
#endif
    if
#ifdef QUEUE_UNREAD
    :: load(UNBIASED) != 0 -> store(UNBIASED, 0)
#else
    :: load(UNBIASED) != 0 && waiting == 0 -> store(UNBIASED, 0)
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
          revoke_bias();
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
             revoke_bias();
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

inline unlock_biased() {
    stored = false;
#ifdef LOOK_BEFORE
    seen = load(UNBIASED);
#endif
#ifdef ALLOWED_UNREAD
    allowed = load(ALLOWED);
#endif
    in_sequence[me] = true;
#ifndef ALLOWED_UNREAD
    allowed = load(ALLOWED);
#endif
#ifndef LOOK_BEFORE
    seen = load(UNBIASED);
#endif
    if
    :: allowed && seen == 0 ->
       atomic {
           if
           :: in_sequence[me] && b(me).n < 2 -> store(STATE, 0); stored = true
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
    :: try_rebias()
    :: true
    fi;
#endif
    unlock_biased();
    if
    :: stored
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

proctype agent(byte me; byte times) {
    byte at, seen;
    bool stored, allowed;
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
        memory[UNBIASED] = 1; /* they have met before */
        run agent(0, 2);
        run agent(1, 1);
        run agent(2, 2)
#else
        run agent(0, 1);
        run agent(1, 1);
        run agent(2, 1);
        run chooser(CHOOSER)
#endif
    }
}
