/* SPDX-License-Identifier: BSL-1.0
 * Copyright the libfiber authors.
 *
 * retire.pml: [retire] of sched/processor_set.hpp, beside [idle.wake] and [stop]: the number of
 * processors changes. In the end all fibers have run and all machines have ended. No machine waits
 * as retired while its processor is wanted or has fibers.
 *
 *   here             there
 *   change           processor_set::set_number, which changes it by one, and add_processor
 *   retire_idle      processor_set::retire_idle
 *   resume_retired   processor_set::resume_retired
 *   retire           processor_set::retire, without timers
 *   pass_on          processor_set::pass_on
 *   find             find_runnable, find_work, spin_for_work, sleep; steal is one step, because
 *                    lease.pml covers it
 *   remote_caller    inject
 *   init             at its end: scheduler::stop
 *
 * The first machine has a fiber. The second machine exists from the start (MADE=2), or is made when
 * it is first wanted (MADE=1). MAY says how often each event may happen.
 *
 * Lists, counts and `retired` change under locks or by read-modify-writes, so interleaving is
 * enough. Machine i has processor i; hand_off.pml covers processors that change their machine.
 *
 * TOKEN_KEPT       a searching machine retires and still counts as searching
 * NOT_PASSED_ON    a retiring machine leaves its fibers in its queue
 * SILENT_PASS      a retiring machine passes its fibers on, and wakes no machine
 * NO_SECOND_LOOK   a retiring machine does not check again, under the lock, that it still has to
 *                  retire
 * STOP_UNSEEN      a retiring machine does not check, under the lock, whether the scheduler stops
 * RESUME_FIRST     retired machines are resumed before the new number is stored
 * RETIRED_LISTED   an idle machine that is marked as retired stays on the idle list
 * NOT_ENLISTED     a machine that is resumed while it sleeps is put on no list
 */
#define MACHINES 3 /* for lists.pml; two of them exist */
#define PROCESSORS 2
#include "lists.pml"

byte work[PROCESSORS], global, wanted = MADE, made = MADE, alive; /* fibers */
bool in_fiber[PROCESSORS], retired[PROCESSORS];
bool stopping;
byte ended;
byte MAY;

#define queues_visible (work[0] > 1 || work[1] > 1) /* [idle.next] */
#define may_steal(v) (in_fiber[v] && work[v] > 0)

inline stop_searching() {
    if
    :: atomic { searches[me] -> searches[me] = false; assert(searching > 0); searching--; seen = (searching == 0) };
       if
       :: atomic { seen && (global > 0 || queues_visible) -> seen = false }; wake_one()
       :: atomic { !seen || global == 0 && !queues_visible -> seen = false }
       fi
    :: atomic { !searches[me] }
    fi
}

inline pass_on() {
    do
    :: atomic { work[me] > 0 -> work[me]--; global++; seen = true }
    :: atomic { work[me] == 0 -> break }
    od;
    if
    :: atomic { seen -> seen = false };
#ifndef SILENT_PASS
       wake_one()
#endif
    :: atomic { !seen }
    fi
}

inline retire() {
#ifndef TOKEN_KEPT
    stop_searching();
#endif
#ifndef NOT_PASSED_ON
    pass_on();
#endif
    atomic {
        if
#ifndef NO_SECOND_LOOK
        :: me < wanted
#endif
#ifndef STOP_UNSEEN
        :: stopping
#endif
        :: else -> assert(work[me] == 0); retired[me] = true; seen = true
        fi
    };
    if
    :: seen ->
end_retired:
       atomic { woken[me] -> woken[me] = false; seen = false }
    :: else
    fi
}

proctype machine(byte me) {
    byte x;
    bool seen, far;
    if
    :: atomic { me == 0 -> in_fiber[me] = true }; goto runs
    :: me > 0 && me < MADE
    :: me >= MADE ->
end_unmade:
       atomic { woken[me] -> woken[me] = false }
    fi;
find:
    if
    :: stopping -> goto out
    :: atomic { !stopping && me < wanted }
    :: atomic { !stopping && me >= wanted }; retire(); goto find
    fi;
    if
    :: atomic { work[me] > 0 -> work[me]--; goto found }
    :: atomic { work[me] == 0 }
    fi;
    if
    :: atomic { global > 0 -> global--; goto found }
    :: atomic { global == 0 && !searches[me] -> search_again(me) }
    :: atomic { global == 0 }
    fi;
    if
    :: atomic { searches[me] && global > 0 -> global--; goto found }
    :: atomic { searches[me] && may_steal(0) -> work[0]--; goto found }
    :: atomic { searches[me] && may_steal(1) -> work[1]--; goto found }
    :: true
    fi;
    atomic { seen = searches[me]; searches[me] = false; enlist(me) }; /* sleep */
    atomic { if :: seen -> seen = false; assert(searching > 0); searching-- :: else fi };
    atomic { far = queues_visible };
    atomic { seen = global > 0 };
    if
    :: atomic { seen || stopping };
       if
       :: atomic { listed[me] -> withdraw(me); search_again(me); seen = false; far = false; goto find }
       :: atomic { !listed[me] -> far = false }; wake_one()
       fi
    :: atomic { !seen && !stopping }
    fi;
    seen = false;
end_idle:
    if
    :: atomic { woken[me] -> woken[me] = false }
    :: atomic { far && listed[me] -> withdraw(me); search_again(me) }
    fi;
    atomic { far = false; goto find };
found:
    stop_searching();
    in_fiber[me] = true;
runs:
    if
    :: atomic { spawns > 0 -> spawns--; alive++; in_fiber[me] = false; work[me]++ }; /* run_next */
       if
       :: atomic { idle > 0 && work[me] > 1 -> work[me]--; global++ }; wake_one()
       :: atomic { idle == 0 || work[me] < 2 }
       fi;
       atomic { in_fiber[me] = true; goto runs }
    :: atomic { in_fiber[me] = false; alive--; goto find } /* the fiber ends */
    fi;
out:
    ended++
}

/* C3 of [retire]. */
inline retire_idle(m) {
    if
    :: atomic { m >= wanted && listed[m] -> seen = true;
#ifdef RETIRED_LISTED
           retired[m] = true; seen = false
#else
           withdraw(m)
#endif
       }
    :: atomic { m < wanted || !listed[m] }
    fi;
    if :: atomic { seen -> retired[m] = true; seen = false } :: atomic { !seen } fi
}
inline resume_one(m) {
    atomic { seen = retired[m] && (m < wanted || stopping); if :: seen -> retired[m] = false :: else fi };
    if
    :: atomic { seen && stopping -> seen = false; wake(m) }
    :: atomic { seen && !stopping -> seen = false;
#ifndef NOT_ENLISTED
           enlist(m)
#endif
       }
    :: atomic { !seen }
    fi
}
inline resume_retired() {
    resume_one(0);
    resume_one(1)
}

proctype change() {
    byte x, n;
    bool seen;
    do
    :: atomic { changes > 0 -> changes--; if :: n = 1 :: n = 2 fi };
       if
       :: n > made -> wanted = n; atomic { made = n; enlist(1) } /* add_processor */
       :: else
       fi;
#ifdef RESUME_FIRST
       resume_retired();
#endif
       wanted = n;
       retire_idle(1);
#ifndef RESUME_FIRST
       resume_retired();
#endif
       atomic { seen = global > 0 || queues_visible };
       if
       :: atomic { seen -> seen = false }; wake_one()
       :: atomic { !seen }
       fi;
       n = 0
    :: else -> break
    od
}

proctype remote_caller() {
    byte x;
    do
    :: atomic { remote_callers > 0 -> remote_callers--; global++ }; wake_one()
    :: else -> break
    od
}

init {
    byte x;
    bool seen;
    atomic {
        alive = 1 + remote_callers;
        for (x : 0 .. PROCESSORS - 1) { run machine(x) }
        x = 0;
        run change();
        run remote_caller()
    }
    if
    :: true -> timeout;
       assert(alive == 0 && searching == 0);
       for (x : 0 .. PROCESSORS - 1) { assert(!retired[x] || x >= wanted) }
    /* change and remote_caller have ended */
    :: atomic { alive == 0 && remote_callers == 0 && changes == 0 && _nr_pr <= PROCESSORS + 1 }
    fi;
    stopping = true;
    wake_all();
    resume_retired();
    ended == made
}
