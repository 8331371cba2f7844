/* policy_command.h: `starttap policy ...`, what a policy says, without any traffic. */
#ifndef STARTTAP_SENSOR_POLICY_COMMAND_H
#define STARTTAP_SENSOR_POLICY_COMMAND_H

/* argv[1] is "policy". Returns the exit status. */
int policy_command(int argc, char **argv);

#endif
