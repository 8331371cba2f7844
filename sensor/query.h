/* query.h: `starttap query DATABASE [VIEW]`, the view of a database that -o sqlite: wrote, as a table. */
#ifndef STARTTAP_SENSOR_QUERY_H
#define STARTTAP_SENSOR_QUERY_H

/* argv[1] is "query". Returns the exit status. */
int query(int argc, char **argv);

#endif
