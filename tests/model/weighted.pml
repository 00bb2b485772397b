/* SPDX-License-Identifier: BSL-1.0
 * Copyright the libfiber authors.
 *
 * weighted.pml: [weighted.queue] of sync/weighted_semaphore.cpp. There are three units. One of them
 * is held until no agent can go on. One agent wants all units, two want one unit each; the first
 * two agents may be stopped. The model shows:
 *   - never more units are out than there are;
 *   - no agent overtakes another;
 *   - every agent is served or stopped;
 *   - a stopped agent does not keep the agents behind it waiting;
 *   - in the end all units are free.
 *
 *   here        there
 *   acquire     try_take, acquire_slow
 *   release     release, release_slow
 *   grant       grant_locked
 *   stop        the stop request: [wait.stop]
 *
 * To read a word and to change it by a compare-exchange, which fails if the word has changed, is
 * one step here.
 *
 * FAST_PAST_WAITERS   a release adds its units by the fast path although agents wait
 * BARGE               an acquire takes units although agents wait
 * STAYS               a stopped agent does not serve the agents behind it
 * WAITED_KEPT         the agent that empties the queue does not clear `waited`: a release expects a
 *                     waiter
 * GRANT_UNCLAIMED     a stopped agent is served
 * TAKE_OUTSIDE        acquire_slow checks the units before it has the lock, and not again
 */
#define AGENTS 3
#define UNITS 3

byte units = UNITS - 1; /* the word: its free units, */
bool waited;        /* and its bit */
bool locked;        /* the queue lock */
byte queue[AGENTS], length;   /* of agents */
bool claimed[AGENTS], stopped[AGENTS], woken[AGENTS], queued[AGENTS];
byte out = 1, ended;
#define wants(p) ((p) == 0 -> UNITS : 1)

inline lock() { atomic { !locked -> locked = true } }
inline unlock() { locked = false }

inline remove_front() {
    queued[queue[0]] = false;
    queue[0] = queue[1]; queue[1] = queue[2]; length--
}

/* One step, because the caller holds the lock, and the fast paths do nothing while waited is set. */
inline grant() {
    atomic {
        assert(waited);
        do
        :: length > 0 && wants(queue[0]) <= units ->
           if
#ifdef GRANT_UNCLAIMED
           :: true -> units = units - wants(queue[0]); woken[queue[0]] = true; claimed[queue[0]] = true
#else
           :: !claimed[queue[0]] -> units = units - wants(queue[0]); woken[queue[0]] = true; claimed[queue[0]] = true
           :: else
#endif
           fi;
           remove_front()
        :: else -> break
        od;
#ifndef WAITED_KEPT
        if :: length == 0 -> waited = false :: else fi
#endif
    }
}

inline release() {
    if
#ifdef FAST_PAST_WAITERS
    :: atomic { true -> units = units + wants(me); out = out - wants(me) }
#else
    :: atomic { !waited -> units = units + wants(me); out = out - wants(me) }
    :: atomic { waited -> skip };
       lock();
       atomic { units = units + wants(me); out = out - wants(me) };
       if :: waited -> grant() :: else fi;
       unlock()
#endif
    fi
}

proctype agent(byte me) {
    bool mine;
    byte i;
    if
#ifdef BARGE
    :: atomic { units >= wants(me) -> assert(length == 0); units = units - wants(me); mine = true }
    :: atomic { units < wants(me) -> skip };
#else
    :: atomic { !waited && units >= wants(me) -> assert(length == 0); units = units - wants(me); mine = true }
    :: atomic { waited || units < wants(me) -> skip };
#endif
       lock();
       if
#ifndef TAKE_OUTSIDE
       :: atomic { !waited && units >= wants(me) -> units = units - wants(me); mine = true };
          unlock()
       :: atomic { waited || units < wants(me) -> waited = true };
#else
       :: atomic { true -> waited = true };
#endif
          atomic { queue[length] = me; length++; queued[me] = true };
          unlock();
          if
          :: woken[me] -> mine = true
          :: stopped[me] ->
             lock();
             if
             :: queued[me] ->
                atomic {
                    i = 0;
                    do
                    :: queue[i] != me -> i++
                    :: else -> break
                    od;
                    do
                    :: i + 1 < length -> queue[i] = queue[i + 1]; i++
                    :: else -> break
                    od;
                    length--; queued[me] = false
                };
#ifndef STAYS
                grant()
#else
                if :: length == 0 -> waited = false :: else fi
#endif
             :: else
             fi;
             unlock()
          fi
       fi
    fi;
    if
    :: mine ->
       atomic { out = out + wants(me); assert(out <= UNITS) };
       release()
    :: else
    fi;
    ended++
}

/* [wait.stop], at any time or never. */
proctype stop(byte p) {
end:
    if
    :: atomic { queued[p] && !claimed[p] -> claimed[p] = true; stopped[p] = true }
    :: true
    fi
}

init {
    atomic { run agent(0); run agent(1); run agent(2); run stop(0); run stop(1) };
    timeout;
    assert(!stopped[0] || ended == AGENTS);
    byte me = 1; /* wants one */
    release();
    ended == AGENTS;
    assert(units == UNITS && out == 0 && !waited && length == 0)
}
