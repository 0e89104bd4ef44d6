// The rows about what clients see of the service.
import type { Row } from './panel.ts';
import { ITEMS, p50and99, rate } from './promql.ts';

const REQUESTS = 'http_request_duration_seconds';
const SAVES = `${ITEMS},method="POST",route="/v1/items"`;

export const serviceRow: Row = {
  title: 'Service',
  panels: [
    {
      title: 'Available, last hour',
      description: 'Requests to /v1 that were not answered with a 5xx. The objective is 99.9 % over 30 days.',
      unit: 'percentunit',
      kind: 'stat',
      queries: [
        [
          `1 - (sum(rate(${REQUESTS}_count{job="items",route=~"/v1/.*",status_code=~"5.."}[1h])) or vector(0)) / sum(rate(${REQUESTS}_count{job="items",route=~"/v1/.*"}[1h]))`,
          'answered',
        ],
      ],
    },
    {
      title: 'Saved within 250 ms, last hour',
      description: 'Posts of one item that were answered within 250 ms, whatever the answer. The objective is 99 %.',
      unit: 'percentunit',
      kind: 'stat',
      queries: [
        [
          `sum(rate(${REQUESTS}_bucket{job="items",method="POST",route="/v1/items",le="0.25"}[1h])) / sum(rate(${REQUESTS}_count{job="items",method="POST",route="/v1/items"}[1h]))`,
          'in time',
        ],
      ],
    },
    {
      title: 'Up',
      description: 'Programs that the last scrape reached, by what they are.',
      unit: 'short',
      kind: 'stat',
      queries: [
        ['sum(up{job="items"})', 'instances'],
        ['sum(up{job="keeper"})', 'keepers'],
        ['sum(redis_up{job="redis"})', 'Redis nodes'],
        ['sum(redis_up{job="sentinel"})', 'Sentinels'],
        ['sum(nginx_up)', 'nginx'],
      ],
    },
    {
      title: 'Requests',
      description: 'By address. Probes and scrapes are not counted.',
      unit: 'reqps',
      stacked: true,
      queries: [[rate(`${REQUESTS}_count`, 'method, route'), '{{method}} {{route}}']],
    },
    {
      title: 'Refused and failed',
      description: '409 is a duplicate and usual. 503 is a save that could not be confirmed, or a full queue.',
      unit: 'reqps',
      queries: [[rate(`${REQUESTS}_count`, 'status_code', `${ITEMS},status_code=~"[45].."`), '{{status_code}}']],
    },
    {
      title: 'Time of a post',
      description: 'From the first byte of the request to the last one of the answer. A failover is a step of seconds.',
      unit: 's',
      queries: p50and99(REQUESTS, SAVES),
    },
    {
      title: 'nginx: requests',
      description: 'All that nginx was asked, retries at another instance not counted.',
      unit: 'reqps',
      queries: [['sum(rate(nginx_http_requests_total[$__rate_interval]))', 'requests']],
    },
    {
      title: 'nginx: connections',
      description: 'Reading a request, writing an answer or passing a request on, idle.',
      unit: 'short',
      stacked: true,
      queries: [
        ['sum(nginx_connections_reading)', 'reading'],
        ['sum(nginx_connections_writing)', 'writing'],
        ['sum(nginx_connections_waiting)', 'idle'],
      ],
    },
    {
      title: 'Requests by instance',
      description: 'nginx spreads them evenly. One that gets less is slow.',
      unit: 'reqps',
      queries: [[rate(`${REQUESTS}_count`, 'instance'), '{{instance}}']],
    },
  ],
};

export const clientsRow: Row = {
  title: 'Clients',
  panels: [
    {
      title: 'Feed',
      description: 'Items handed to consumers.',
      unit: 'ops',
      queries: [[rate('item_feed_events_total', 'instance'), '{{instance}}']],
    },
    {
      title: 'Consumers of the feed',
      description: 'At MAX_FEED_CONSUMERS (100 for each instance) new ones are answered 503.',
      unit: 'short',
      queries: [[`item_feed_consumers{${ITEMS}}`, '{{instance}}']],
    },
    {
      title: 'Erasures',
      description: 'By what became of them. Failed ones are on some nodes still.',
      unit: 'ops',
      queries: [[rate('item_erasures_total', 'outcome'), '{{outcome}}']],
    },
    {
      title: 'API keys at work',
      description: 'Refused is 401, forbidden 403. Nothing where nobody is asked for a key.',
      unit: 'reqps',
      queries: [[rate('http_authentications_total', 'outcome'), '{{outcome}}']],
    },
    {
      title: 'API keys',
      description: 'In the file that was read last. They should be as many at each instance.',
      unit: 'short',
      queries: [[`api_keys{${ITEMS}}`, '{{instance}}']],
    },
    {
      title: 'What should be 0',
      description: 'Lines that the audit log lost to a slow disk, and files of API keys that could not be used.',
      unit: 'ops',
      queries: [
        [rate('audit_lines_lost_total'), 'audit lines lost'],
        [rate('api_key_reload_failures_total'), 'key files refused'],
      ],
    },
  ],
};
