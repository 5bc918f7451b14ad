/* As little as a launch can do: it counts itself. */
KERNEL(probe_launch)(global int *count) {
    if (get_global_id(0) == 0)
        count[0]++;
}
