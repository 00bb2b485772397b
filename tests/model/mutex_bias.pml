/* SPDX-License-Identifier: BSL-1.0
 * Copyright the libfiber authors.
 *
 * mutex_bias.pml: [mutex.bias] of sync/unlock_bias.cpp, [mutex.queue] of sync/exclusive_lock.cpp,
 * [rseq.phase] of runtime/base/atomics/rseq.cpp. Two agents never hold the mutex at the same time, and no
 * agent waits forever, while restartable sequences are enabled and disabled.
 *
 *   here              there
 *   agent             lock, unlock; try_unlock, revoke, rebias: the three columns of [mutex.bias]
 *   try_unlock        the restartable sequence, which membarrier_rseq may interrupt between any two
 *                     steps
 *   rseq_barrier      rseq_barrier
 *   chooser           choose_rseq, then disable_rseq as a caller of rseq_barrier executes it
 *
 * There are two cases, because both at once are too many states. With CHOSEN sequences are enabled
 * from the start and forever, each owner may rebias the mutex before it unlocks, and a waiter may
 * reach its deadline. Without CHOSEN there is no rebias and no deadline, and the chooser runs
 * beside the agents.
 *
 * NO_RESTART        membarrier_rseq is a fence for an agent in a sequence, and does not abort the
 *                   sequence
 * REVOKE_LAST       an agent that must wait sets 2 (contended) first, and revokes the bias after that
 * LOOK_BEFORE       the owner reads the bias before the sequence begins
 * NO_FENCE          there is no fence between the store to the bias and the load of the phase
 * ENABLED_FIRST     sequences are enabled before the phase says so
 * NO_LAST_RESTART   sequences are disabled, and running sequences are not aborted
 * ENABLED_UNREAD    the owner reads whether sequences are enabled before the sequence begins
 * NO_SECOND_LOOK    an agent does not read the bias again after rseq_barrier
 * QUEUE_UNREAD      the owner rebiases the mutex although a waiter is in the queue
 * NO_QUEUE_LOCK     the owner rebiases the mutex without the queue lock
 */
#define AGENTS 4
#define CHOOSER 3
#define STATE 0   /* 0 free, 1 locked, 2 contended */
#define UNBIASED 1 /* 0 biased */
#define QUEUE 2   /* its lock */
#define ENABLED 3
#define PHASE 4   /* 0 unused, 1 enabled, 2 disabled */
#define VARIABLES 5
#include "tso.pml"

bool in_sequence[AGENTS];
/* waiting: agents in the queue, guarded by its lock. woken: agents taken out of it, the designated wakers. */
byte waiting, woken;
bool someone_is_in;

/* During a membarrier each agent passes a fence, and the kernel aborts the sequence that the agent is in. */
inline membarrier_rseq() {
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

inline rseq_barrier() {
#ifndef NO_FENCE
    drained;
#endif
    if
    :: load(PHASE) == 1 -> membarrier_rseq()
    :: else
    fi
}

inline lock_queue() { atomic { drained && memory[QUEUE] == 0 -> memory[QUEUE] = 1 } }
inline unlock_queue() { store(QUEUE, 0) }

/* The caller holds the queue lock, before and after. */
inline revoke() {
    do
    :: load(UNBIASED) != 0 -> break
    :: else ->
       store(UNBIASED, 1);
       unlock_queue();
       rseq_barrier();
       lock_queue()
#ifdef NO_SECOND_LOOK
       ; break
#endif
    od
}

/* The caller is the owner. */
inline rebias() {
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
#ifndef REVOKE_LAST
          revoke();
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
#ifdef REVOKE_LAST
             revoke();
#endif
             unlock_queue();
#ifdef CHOSEN
             if
             :: lock_queue(); /* reaches its deadline */
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

inline try_unlock() {
    stored = false;
#ifdef LOOK_BEFORE
    seen = load(UNBIASED);
#endif
#ifdef ENABLED_UNREAD
    is_enabled = load(ENABLED);
#endif
    in_sequence[me] = true;
#ifndef ENABLED_UNREAD
    is_enabled = load(ENABLED);
#endif
#ifndef LOOK_BEFORE
    seen = load(UNBIASED);
#endif
    if
    :: is_enabled && seen == 0 ->
       atomic {
           if
           :: in_sequence[me] && b(me).n < 2 -> store(STATE, 0); stored = true
           :: !in_sequence[me]
           fi;
           in_sequence[me] = false
       }
    :: else -> in_sequence[me] = false
    fi;
    is_enabled = false
}

inline unlock() {
#ifdef CHOSEN
    if
    :: rebias()
    :: true
    fi;
#endif
    try_unlock();
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
    bool stored, is_enabled;
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
#ifdef ENABLED_FIRST
    store(ENABLED, 1);
    store(PHASE, 1);
#else
    store(PHASE, 1);
    store(ENABLED, 1);
#endif
    if
    :: store(ENABLED, 0);
#ifndef NO_LAST_RESTART
       membarrier_rseq();
#endif
       store(PHASE, 2)
    :: true
    fi
}

init {
    atomic {
#ifdef CHOSEN
        memory[PHASE] = 1;
        memory[ENABLED] = 1;
        memory[UNBIASED] = 1; /* an agent has waited for the mutex before */
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
