/* SPDX-License-Identifier: BSL-1.0
 * Copyright the libfiber authors.
 *
 * machine.pml: a machine of hand_off.pml. The head of that file explains the names.
 */
#define may_steal(m) (outside[m] && has[m] != NONE && work[has[m]] > 0)

proctype machine(byte me) {
    byte x, mine, to;
    bool seen, far, timed;
    if
    :: atomic { me < BEGIN -> outside[me] = true }; goto runs
    :: else -> goto is_spare
    fi;
find:
    if
    :: stopping -> goto out
    :: atomic { !stopping && has[me] != NONE }
    :: atomic { !stopping && has[me] == NONE };
#ifdef STOP_SEEN_EARLY
       if :: stopping -> goto out :: else fi;
#endif
is_spare:
       atomic { assert(!listed[me]); spare[me] = true };
#ifndef STOP_SEEN_EARLY
       if :: stopping -> goto out :: else fi;
#endif
end_spare:
       atomic { woken[me] -> woken[me] = false; goto find }
    fi;
    if
    :: atomic { timer[has[me]] -> timer[has[me]] = false; goto found }
    :: atomic { work[has[me]] > 0 -> work[has[me]]--; goto found }
    :: atomic { work[has[me]] == 0 }
    fi;
    if
    :: atomic { global > 0 -> global--; goto found }
#if PROCESSORS > 1
    :: atomic { global == 0 && !searches[me] -> search_again(me) }
#endif
    :: atomic { global == 0 }
    fi;
#if PROCESSORS > 1
    if
    :: atomic { searches[me] && global > 0 -> global--; goto found }
    :: atomic { searches[me] && may_steal(0) -> work[has[0]]--; goto found }
    :: atomic { searches[me] && may_steal(1) -> work[has[1]]--; goto found }
    :: atomic { searches[me] && may_steal(2) -> work[has[2]]--; goto found }
    :: atomic { !searches[me] || global == 0 && !may_steal(0) && !may_steal(1) && !may_steal(2) }
    fi;
#endif
    atomic { mine = has[me]; assert(work[mine] == 0); timed = searches[me]; searches[me] = false; enlist(me) }; /* sleep */
    atomic { if :: timed -> timed = false; assert(searching > 0); searching-- :: else fi };
    work_visible();
    if
    :: atomic { seen || stopping };
       if
       :: atomic { listed[me] -> withdraw(me); search_again(me); seen = false; far = false; mine = 0; goto find }
       :: atomic { !listed[me] };
#ifndef DISPLACED_IN_SILENCE
          wake_one()
#endif
       fi
    :: atomic { !seen && !stopping -> timed = timer[mine] }
    fi;
    atomic { timed = timed || far; seen = false; mine = 0 };
end_idle:
    if
    :: atomic { woken[me] -> woken[me] = false }
    :: atomic { timed && listed[me] -> withdraw(me); if :: far -> search_again(me) :: else fi }
    :: atomic { timed && !listed[me] };
end_displaced:
       atomic { woken[me] -> woken[me] = false }
    fi;
    atomic { far = false; timed = false; goto find };
found:
    stop_searching();
    outside[me] = true;
runs:
    if
    :: atomic { spawns > 0 -> spawns--; alive++; outside[me] = false }; /* run_next */
       regain();
       if
       :: has[me] != NONE -> work[has[me]]++;
          if :: idle > 0 -> work[has[me]]--; global++; wake_one() :: else fi
       :: else -> global++; wake_one()
       fi;
       atomic { outside[me] = true; goto runs }
    :: atomic { blocks > 0 -> blocks--; outside[me] = false };
       if :: has[me] != NONE -> hand_off() :: else fi;
       outside[me] = true;
       if
       :: true
       :: true ->
end_blocked:
          released
       fi;
       outside[me] = false;
       regain();
       atomic { outside[me] = true; goto runs }
    :: atomic { kernel_calls > 0 -> kernel_calls-- };
end_in_kernel:
       released;
       goto runs
    :: atomic { arms > 0 -> arms--; outside[me] = false }; /* arm; parks */
       regain();
       if
       :: atomic { has[me] != NONE -> timer[has[me]] = true }
       :: atomic { has[me] == NONE -> timer[0] = true };
#ifndef ARM_IN_SILENCE
          x = (has[0] == 0 -> 0 : (has[1] == 0 -> 1 : (has[2] == 0 -> 2 : MACHINES))); /* owner() */
          if
          :: atomic { x < MACHINES && listed[x] && has[x] == 0 -> withdraw(x); wake(x); x = 0 }
          :: atomic { else -> x = 0 }
          fi
#endif
       fi;
       goto find
    :: outside[me] = false; /* the fiber ends */
       regain();
       if
       :: atomic { has[me] != NONE -> alive-- }
       :: atomic { has[me] == NONE -> global++ }; wake_one() /* yield_slow */
       fi;
       goto find
    fi;
out:
    ended++
}
