// The rows about Redis, Sentinel, the keeper and the processes of the instances.
import type { Row } from './panel.ts';
import { ITEMS } from './promql.ts';

const CPU = ['user', 'sys'].map((kind) => `rate(redis_cpu_${kind}_seconds_total{job="redis"}[$__rate_interval])`);

export const redisRow: Row = {
  title: 'Redis and Sentinel',
  panels: [
    {
      title: 'Who is master',
      description: 'How many Sentinels say so. Two lines for more than seconds are two masters.',
      unit: 'short',
      stacked: true,
      queries: [['count by (master_address) (redis_sentinel_master_status)', '{{master_address}}']],
    },
    {
      title: 'Changes of the master',
      description: 'As each instance saw them: a majority of Sentinels named another one.',
      unit: 'short',
      queries: [[`increase(redis_master_changes_total{${ITEMS}}[$__rate_interval])`, '{{instance}}']],
    },
    {
      title: 'Replicas behind',
      description: 'Bytes of the log of writes that a replica has not acknowledged to the master.',
      unit: 'bytes',
      queries: [
        [
          'clamp_min(redis_master_repl_offset - on (instance) group_right () redis_connected_slave_offset_bytes, 0)',
          '{{slave_ip}}:{{slave_port}}',
        ],
      ],
    },
    {
      title: 'Nodes, as the keeper sees them',
      description: 'Without a promotable one nobody can replace the master.',
      unit: 'short',
      stacked: true,
      queries: [['max by (state) (keeper_nodes)', '{{state}}']],
    },
    {
      title: 'Work of the keeper',
      description:
        'Nodes that were marked as promotable (100) or not (0), former masters demoted, changes that failed.',
      unit: 'ops',
      queries: [
        ['sum by (to) (rate(keeper_priority_changes_total[$__rate_interval]))', 'marked {{to}}'],
        ['sum(rate(keeper_demotions_total[$__rate_interval]))', 'demoted'],
        ['sum(rate(keeper_action_failures_total[$__rate_interval]))', 'failed'],
        ['sum(rate(keeper_looks_total[$__rate_interval]))', 'looks'],
      ],
    },
    {
      title: 'Sentinels',
      description: 'That each of them can reach, itself included. Below the quorum of 2 nobody replaces the master.',
      unit: 'short',
      queries: [
        ['redis_sentinel_master_ok_sentinels', '{{instance}}'],
        ['min(redis_sentinel_master_ckquorum_status)', 'quorum (1 is yes)'],
      ],
    },
    {
      title: 'Memory',
      description: 'Of maxmemory. When it is full new contents get 507, and nothing is forgotten.',
      unit: 'percentunit',
      queries: [['redis_memory_used_bytes{job="redis"} / redis_memory_max_bytes{job="redis"}', '{{instance}}']],
    },
    {
      title: 'CPU of the nodes',
      description: 'Redis runs commands on one core: at 1 the master is the limit.',
      unit: 'short',
      queries: [[CPU.join(' + '), '{{instance}}']],
    },
    {
      title: 'Commands',
      description: 'Scripts count as what they are made of.',
      unit: 'ops',
      queries: [['rate(redis_commands_processed_total{job="redis"}[$__rate_interval])', '{{instance}}']],
    },
    {
      title: 'Append-only files',
      description: 'What a node reads when it starts. It shrinks when it is rewritten.',
      unit: 'bytes',
      queries: [['redis_aof_current_size_bytes{job="redis"}', '{{instance}}']],
    },
    {
      title: 'Connections of the instances',
      description: 'Ready for commands, by what they are for; and attempts to get them back.',
      unit: 'short',
      queries: [
        [`sum by (connection) (redis_connection_up{${ITEMS}})`, '{{connection}}'],
        [`sum(rate(redis_reconnects_total{${ITEMS}}[$__rate_interval]))`, 'attempts to reconnect each second'],
      ],
    },
    {
      title: 'What should be 0',
      description:
        'Evicted keys are forgotten contents. A file that could not be written is not there after a restart.',
      unit: 'short',
      queries: [
        ['sum(redis_evicted_keys_total{job="redis"})', 'evicted keys'],
        ['sum(1 - redis_aof_last_write_status{job="redis"})', 'nodes that cannot write their file'],
        ['sum(redis_sentinel_tilt)', 'Sentinels that mistrust their clock'],
        ['sum(redis_acl_access_denied_cmd_total + redis_acl_access_denied_key_total)', 'commands refused to a user'],
      ],
    },
  ],
};

export const runtimeRow: Row = {
  title: 'Runtime',
  panels: [
    {
      title: 'CPU',
      description: 'Cores. An instance has one thread for its work: near 1 it is the limit.',
      unit: 'short',
      queries: [[`rate(process_cpu_seconds_total{${ITEMS}}[$__rate_interval])`, '{{instance}}']],
    },
    {
      title: 'Delay of the event loop, 99 %',
      description: 'How late timers are. What holds it up holds every request up.',
      unit: 's',
      queries: [[`nodejs_eventloop_lag_p99_seconds{${ITEMS}}`, '{{instance}}']],
    },
    {
      title: 'Memory',
      description: 'Of the process; the container has 512 MB.',
      unit: 'bytes',
      queries: [[`process_resident_memory_bytes{${ITEMS}}`, '{{instance}}']],
    },
    {
      title: 'Heap in use',
      description: 'What does not come down after collections is a leak.',
      unit: 'bytes',
      queries: [[`nodejs_heap_size_used_bytes{${ITEMS}}`, '{{instance}}']],
    },
    {
      title: 'Garbage collection',
      description: 'Share of the time.',
      unit: 'percentunit',
      queries: [
        [
          `sum by (instance, kind) (rate(nodejs_gc_duration_seconds_sum{${ITEMS}}[$__rate_interval]))`,
          '{{instance}} {{kind}}',
        ],
      ],
    },
    {
      title: 'Open files and sockets',
      description: 'An instance takes 10,000 connections at most.',
      unit: 'short',
      queries: [[`process_open_fds{${ITEMS}}`, '{{instance}}']],
    },
    {
      title: 'Time of a scrape',
      description: 'Prometheus waits for 4 s.',
      unit: 's',
      queries: [['max by (job) (scrape_duration_seconds)', '{{job}}']],
    },
    {
      title: 'Versions',
      description: 'More than one while a new one is rolled out.',
      unit: 'short',
      queries: [['count by (job, version, node) (build_info)', '{{job}} {{version}}, Node {{node}}']],
    },
  ],
};
