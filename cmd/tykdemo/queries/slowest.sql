SELECT requesttime                                      AS "ms",
       substr(timestamp, 12, 8)                         AS "at (UTC)",
       api_name                                         AS "API",
       method || ' ' || path                            AS "path",
       responsecode                                     AS "status",
       CASE WHEN alias <> '' THEN alias ELSE apikey END AS "caller"
FROM tyk_analytics
ORDER BY requesttime DESC, timestamp
LIMIT 6;
