/* Log lines: the engine writes them, its host decides where they go. */
#ifndef AZ_BASE_LOG_H
#define AZ_BASE_LOG_H

typedef enum AzLogLevel
{
	AZ_LOG_DEBUG,
	AZ_LOG_INFO,				/* for operators: started, serving, stopped */
	AZ_LOG_WARNING				/* somebody should look */
} AzLogLevel;

/* "message" is one line without its end, valid during the call only. */
typedef void (*AzLogSink) (AzLogLevel level, const char *message);

/* NULL brings back the default sink: standard error. */
extern void az_log_set_sink(AzLogSink sink);

/* Lines longer than 1,023 bytes are cut. */
extern void az_log(AzLogLevel level, const char *format,...)
			__attribute__((format(printf, 2, 3)));

#endif
