/* Short names for the generated messages of our protocol. */
#ifndef AZ_CODEC_MESSAGES_H
#define AZ_CODEC_MESSAGES_H

/* (includes of gen/… and typedefs PbCover, PbEventBook, … go here) */

#endif
