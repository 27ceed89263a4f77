/* Whether this database is the one where the store was last activated. */
#ifndef AZ_PG_SPI_ACTIVATION_H
#define AZ_PG_SPI_ACTIVATION_H

/*
 * False in a copy: a restored dump, a database made from a template.  The
 * extension is installed in the library's version.  Own transaction.
 */
extern bool az_spi_activation_is_here(void);

#endif
