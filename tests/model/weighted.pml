/* SPDX-License-Identifier: BSL-1.0
 * Copyright the libfiber authors.
 *
 * weighted.pml: [weighted.queue] of sync/weighted_semaphore.cpp. Three units, one of which is held until
 * nothing else can go on. One agent wants all, two want one each; two of the three may be stopped. Never are more
 * units out than there are; nobody overtakes; everybody is served, or stopped; one that is stopped holds nobody up;
 * in the end all units are there.
 *
 *   here        there
 *   acquire     take, acquire_slow
 *   release     release, release_slow
 *   grant       grant_locked
 *   stop        the stop request: [wait.stop]
 *
 * A word that is read, and then changed by a compare-exchange that fails if it is not what it was, is one step here.
 *
 * FAST_PAST_WAITERS   a release adds its units beside those that wait
 * BARGE               an acquire takes units beside those that wait
 * STAYS               an agent that is stopped does not serve those behind it
 * WAITED_KEPT         the agent that empties the queue does not clear waited; a release believes that somebody is there
 * GRANT_UNCLAIMED     an agent that has been stopped is served
 * TAKE_OUTSIDE        acquire_slow looks before it has the lock, and not again
 */
#define AGENTS 3
#define UNITS 3

byte units = UNITS - 1; /* the word: free ones, */
bool waited;        /* and the bit */
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

/* Under the lock, which is why it is one step: the fast ways do nothing while waited is set. */
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
